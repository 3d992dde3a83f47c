mkdir odd; cd odd; ln -s loop loop; ln -s two one; ln -s one two; mkdir sub; ln -s .. sub/up; ln -s ../sub sub/self; ln -s /etc/passwd out; ln -s missing broken; cd ..
