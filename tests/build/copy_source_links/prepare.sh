mkdir links; ln -s ../src/a.txt links/to_file; ln -s ../src/deep links/to_dir; ln -s nowhere links/broken; ln -s src linked; ln -s /src/b.log links/absolute
