autocmd BufNewFile,BufRead *.scn setfiletype sockspec
