//! What each test image consists of.

use std::hash::{DefaultHasher, Hash, Hasher};

/// One image.
#[derive(Hash)]
pub(crate) struct Recipe {
    /// Its repository below `library/`; the tag is `latest`.
    pub(crate) name: &'static str,
    /// Where its files come from.
    pub(crate) source: Source,
    /// The `config` object of the image configuration, JSON.
    pub(crate) config: &'static str,
    /// Left out unless asked for by name.
    pub(crate) large: bool,
}

/// Where an image's files come from.
#[derive(Hash)]
pub(crate) enum Source {
    /// The static busybox of the package busybox-static, with a link per applet.
    Busybox,
    /// Debian's smallest root.
    Base,
    /// Packages on top of the base, then a script in that root.
    Packages {
        packages: &'static [&'static str],
        script: &'static str,
    },
}

impl Recipe {
    /// Changes when the recipe does, so that a cached image is made again.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// All of them, the base first.
pub(crate) const RECIPES: &[Recipe] = &[
    Recipe {
        name: "busybox",
        source: Source::Busybox,
        config: r#"{"Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}"#,
        large: false,
    },
    Recipe {
        name: "debian",
        source: Source::Base,
        config: r#"{"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}"#,
        large: false,
    },
    Recipe {
        name: "nginx",
        source: Source::Packages {
            packages: &["nginx-light"],
            // As the official image does: the logs are the container's output, and the page says
            // where one is.
            script: "ln -sf /dev/stdout /var/log/nginx/access.log
                     ln -sf /dev/stderr /var/log/nginx/error.log
                     rm -f /var/www/html/*
                     echo '<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>' > /var/www/html/index.html",
        },
        config: r#"{"Cmd": ["nginx", "-g", "daemon off;"], "ExposedPorts": {"80/tcp": {}},
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "StopSignal": "SIGQUIT", "Labels": {"maintainer": "Gantry tests"}}"#,
        large: false,
    },
    Recipe {
        name: "redis",
        source: Source::Packages {
            packages: &["redis-server"],
            script: "mkdir -p /data && chown redis:redis /data",
        },
        config: r#"{"Cmd": ["redis-server", "--protected-mode", "no"], "User": "redis", "WorkingDir": "/data",
            "ExposedPorts": {"6379/tcp": {}}, "Volumes": {"/data": {}},
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}"#,
        large: false,
    },
    Recipe {
        name: "postgres",
        source: Source::Packages {
            packages: &["postgresql"],
            script: r#"rm -rf /var/lib/postgresql/*; mkdir -p /var/lib/postgresql/data
                       chown -R postgres:postgres /var/lib/postgresql
                       cat > /usr/local/bin/docker-entrypoint.sh <<'END'
#!/bin/bash
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
  $bin/initdb -D $data --auth=trust >/dev/null
  echo "host all all all trust" >> $data/pg_hba.conf
fi
exec $bin/postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
END
                       chmod +x /usr/local/bin/docker-entrypoint.sh"#,
        },
        config: r#"{"Entrypoint": ["docker-entrypoint.sh"], "User": "postgres", "ExposedPorts": {"5432/tcp": {}},
            "Volumes": {"/var/lib/postgresql/data": {}}, "StopSignal": "SIGINT",
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}"#,
        large: false,
    },
    Recipe {
        name: "python",
        source: Source::Packages { packages: &["python3"], script: "ln -sf python3 /usr/bin/python" },
        config: r#"{"Cmd": ["python3"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]}"#,
        large: false,
    },
    // What programs are built with, in stages whose result goes onto one of the others.
    Recipe {
        name: "workshop",
        source: Source::Packages {
            packages: &["gcc", "libc6-dev", "make", "nodejs", "python3-pip"],
            script: "ln -sf python3 /usr/bin/python",
        },
        config: r#"{"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]}"#,
        large: false,
    },
    Recipe {
        name: "toolchain",
        source: Source::Packages { packages: &["python3", "gcc", "g++", "make"], script: "" },
        config: r#"{"Cmd": ["bash"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}"#,
        large: true,
    },
];
