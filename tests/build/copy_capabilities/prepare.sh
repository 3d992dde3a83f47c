touch x; python3 -c "import os,struct; os.setxattr('x','security.capability',struct.pack('<IIIII',0x02000001,1<<10,0,0,0))"
