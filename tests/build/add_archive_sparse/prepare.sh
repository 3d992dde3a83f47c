truncate -s 1M f; echo x >> f; tar -S --owner=0 --group=0 --mtime=@1300000000 -cf s.tar f; rm f
