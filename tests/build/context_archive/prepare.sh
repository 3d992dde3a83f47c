tar -C in --owner=5 --group=6 --mtime=@1300000000 --sort=name -cf ctx.tar .
