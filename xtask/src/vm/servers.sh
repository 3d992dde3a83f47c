# Volumes of servers: a kernel NFS server and Samba, both this host's own. Sourced by guest.sh.

nfs_server() {
  mkdir -p /srv/nfs /run/rpcbind /var/lib/nfs/rpc_pipefs
  chmod 777 /srv/nfs; echo "from the server" > /srv/nfs/file
  # As NFS 4 knows it, / is this folder.
  echo '/srv/nfs *(rw,fsid=0,no_root_squash,no_subtree_check,insecure,sync)' > /etc/exports
  mount -t nfsd nfsd /proc/fs/nfsd
  echo 10 > /proc/fs/nfsd/nfsv4gracetime
  check "rpcbind" rpcbind
  check "exportfs" exportfs -ra
  check "rpc.nfsd" rpc.nfsd --no-udp 4
  echo Y > /proc/fs/nfsd/v4_end_grace
  check "rpc.mountd" rpc.mountd
}

# nfs NAME DEVICE OPTIONS VERSION
nfs() {
  check "$1: volume" $G volume create -o type=nfs -o o="$3" -o device="$2" share
  equal "$1: the server's file" "from the server" "$($G run --rm -v share:/s busybox cat /s/file 2>&1)"
  check "$1: writing" $G run --rm -v share:/s busybox sh -c "echo $4 > /s/made"
  equal "$1: it came to the server" "$4" "$(cat /srv/nfs/made 2>&1)"
  check "$1: keeper" $G run -d --name keeper -v share:/s busybox sleep 1000
  contains "$1: the version" "vers=$4" "$(grep " $(data share) " /proc/mounts)"
  check "$1: rm of keeper" $G rm -f keeper
  check "$1: unmounted" until_true not_mounted "$(data share)"
  check "$1: volume rm" $G volume rm share
  check "$1: the server's files stay" test -e /srv/nfs/made
}

nfs_volumes() {
  [ -e /proc/fs/nfsd ] || { bad "the kernel has an NFS server"; return; }
  nfs_server
  nfs "nfs" :/srv/nfs addr=127.0.0.1,rw 3
  nfs "nfs by name" :/srv/nfs addr=files.test,rw 3
  nfs "nfs 4" :/ addr=127.0.0.1,rw,vers=4.2 4.2
  check "nfs: volume of nothing" $G volume create -o type=nfs -o o=addr=127.0.0.1,vers=4.2 -o device=:/none none
  refused "nfs: nothing is there" "failed to mount local volume" $G run --rm -v none:/s busybox true
  check "nfs: rm of none" $G volume rm none
  rpc.nfsd 0; exportfs -ua
  killall rpc.mountd rpcbind
  umount /proc/fs/nfsd
}

smb_server() {
  mkdir -p /srv/smb /run/samba; echo "from samba" > /srv/smb/file
  cat > /etc/samba/smb.conf <<'CONF'
[global]
  interfaces = lo
  bind interfaces only = yes
  disable netbios = yes
  load printers = no
  printing = bsd
  log file = /var/log/samba/log
[share]
  path = /srv/smb
  read only = no
CONF
  check "a user of samba's" sh -c 'printf "secret1\nsecret1\n" | smbpasswd -s -a root'
  check "smbd" smbd -D
  check "smbd listens" until_true sh -c 'ss -Hltn | grep -q :445'
}

cifs_volumes() {
  smb_server
  words=username=root,password=secret1,vers=3.0
  check "cifs: volume" $G volume create -o type=cifs -o device=//127.0.0.1/share -o o=addr=127.0.0.1,$words smb
  equal "cifs: the server's file" "from samba" "$($G run --rm -v smb:/s busybox cat /s/file 2>&1)"
  check "cifs: writing" $G run --rm -v smb:/s busybox sh -c "echo written > /s/made"
  equal "cifs: it came to the server" written "$(cat /srv/smb/made 2>&1)"
  check "cifs: unmounted" until_true not_mounted "$(data smb)"
  check "cifs: by name" $G volume create -o type=cifs -o device=//files.test/share -o o=$words named
  equal "cifs: by name, the server's file" "from samba" "$($G run --rm -v named:/s busybox cat /s/file 2>&1)"
  check "cifs: with a wrong password" $G volume create -o type=cifs -o device=//127.0.0.1/share -o o=username=root,password=wrong2,vers=3.0 wrong
  refused "cifs: the server refuses" "permission denied" $G run --rm -v wrong:/s busybox true
  case $said in *wrong2*) bad "cifs: a password is told" "$said" ;; *) ok "cifs: a password is not told" ;; esac
  until_true not_mounted "$(data named)"
  check "cifs: volume rm" $G volume rm smb named wrong
  killall smbd
}
