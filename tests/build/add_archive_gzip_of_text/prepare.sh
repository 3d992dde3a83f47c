echo text > a; gzip -n a
