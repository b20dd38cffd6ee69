#!/bin/sh
# A right decoder of lines of at most 40 bytes, which stay in hexadecimal.
# With `forgetful`, one that forgets the beginning of a line when its chunk ends.
echo sockspec-decoder 1 lines.sh "$1"
while read -r verb hex; do
    if [ "$verb" = new ]; then
        line= refusal=
    elif [ "$verb$1" = chunkforgetful ]; then
        line=
    fi
    while [ -z "$refusal" ] && [ -n "$hex" ]; do
        rest=${hex#??}
        byte=${hex%"$rest"}
        hex=$rest
        if [ "$byte" = 0a ]; then
            echo "frame $line"
            line=
        else
            line=$line$byte
            [ ${#line} -le 80 ] || refusal=too-long
        fi
    done
    if [ "$verb" = end ] && [ -n "$line" ]; then
        refusal=${refusal:-truncated}
    fi
    if [ -n "$refusal" ]; then
        echo "$refusal"
    elif [ "$verb" = end ]; then
        echo end
    else
        echo more
    fi
done
