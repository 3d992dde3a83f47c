printf '\357\273\277src/a.txt\r\nsrc/b.log\r\n' > .dockerignore
