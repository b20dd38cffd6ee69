module sockspec.example/agent

go 1.19
