#!/bin/sh
# `tied.sh FOLDER PROGRAM ...` runs a program that ends with whoever started it, however that one ends: when the input of this
# script is over, since nobody holds its other end any more, the program is killed. Then the folder is removed.
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(
  read -r _ <&3
  kill -KILL "$program"
) >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$program"
kill "$watch" 2>/dev/null
rm -rf "$folder"
