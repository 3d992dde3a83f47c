ln -s src linked
