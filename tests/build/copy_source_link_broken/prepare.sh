ln -s nowhere broken
