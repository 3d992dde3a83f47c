mkdir odd; mknod odd/null c 1 3; mknod odd/loop b 7 0; mkfifo odd/pipe; echo x > odd/file
