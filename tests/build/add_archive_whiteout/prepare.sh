mkdir -p t/d; touch t/d/.wh.x; tar -C t --sort=name --mtime=@1300000000 --owner=0 --group=0 -cf w.tar d; rm -r t
