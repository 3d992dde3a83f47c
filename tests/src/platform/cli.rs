//! The command line's own matters: contexts, plugins, ssh, completion, help.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{Client, Daemon, World, gantry_binary, through_both};

through_both!(
    outside_of_a_swarm,
    contexts_are_made_used_and_removed,
    a_container_uses_the_api_with_our_logins,
    a_platform_may_be_a_habit,
    the_configuration_file_has_habits,
);

/// What a script that greps Docker's answers finds.
fn outside_of_a_swarm(c: &Client) {
    let not_a_manager = "Error response from daemon: This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";
    for command in [
        "node ls",
        "service ls",
        "config ls",
        "stack ls",
        "swarm join-token worker",
    ] {
        let run = c.run(command);
        run.exits(1);
        assert_eq!(run.stderr.trim(), not_a_manager, "{command}");
    }
    let run = c.run("swarm leave");
    run.exits(1);
    assert_eq!(
        run.stderr.trim(),
        "Error response from daemon: This node is not part of a swarm"
    );
    assert_eq!(c.ok("plugin ls -q"), "");
    let run = c.run("plugin inspect nothing");
    run.exits(1);
    assert!(
        run.stderr.contains("plugin \"nothing\" not found"),
        "{}",
        run.stderr
    );
    for kind in ["config", "node", "service", "task"] {
        let run = c.run(&format!("inspect --type {kind} x"));
        run.exits(1).says("This node is not a swarm manager");
    }
    let plugin = c.run("inspect --type plugin x");
    plugin.exits(1).says("plugin \"x\" not found");
    // A name that no image can have is that of nothing, too.
    c.run("inspect No-Such")
        .exits(1)
        .says("o such object: No-Such");
    assert_eq!(
        c.ok("info -f '{{.Swarm.LocalNodeState}}'").trim(),
        "inactive"
    );
}

fn configure(c: &Client, json: &str) {
    let folder = c.daemon.world.folder().join("docker");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), json).unwrap();
}

fn a_container_uses_the_api_with_our_logins(c: &Client) {
    configure(c, r#"{"auths": {"r.example": {"auth": "bWU6c2VjcmV0"}}}"#);
    let script = "ls /var/run/docker.sock; echo $DOCKER_CONFIG; stat -c %a $DOCKER_CONFIG/config.json; \
        cat $DOCKER_CONFIG/config.json";
    let said = c.ok(&format!(
        "run --rm --use-api-socket busybox sh -c '{script}'"
    ));
    let lines: Vec<&str> = said.splitn(4, '\n').collect();
    assert_eq!(
        lines[..3],
        ["/var/run/docker.sock", "/run/secrets/docker", "600"],
        "{said}"
    );
    let file: serde_json::Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(file["auths"]["r.example"]["auth"], "bWU6c2VjcmV0");
    // Who names a folder has its own; and nobody else gets any.
    let own = "-e DOCKER_CONFIG=/own busybox sh -c 'echo $DOCKER_CONFIG; ls /run/secrets'";
    let run = c.run(&format!("run --rm --use-api-socket {own}"));
    run.fails().says("/run/secrets");
    assert_eq!(run.stdout.trim(), "/own");
    assert!(!c.ok("run --rm busybox env").contains("DOCKER_CONFIG"));
    // Without logins there is nothing to give.
    configure(c, "{}");
    assert!(
        !c.ok("run --rm --use-api-socket busybox env")
            .contains("DOCKER_CONFIG")
    );
}

/// Variables stand in for options; an option wins.
fn a_platform_may_be_a_habit(c: &Client) {
    let with =
        |variable: &str, args: &str| c.script(&format!("export {variable}; exec $C {args}"), "");
    let odd = "DOCKER_DEFAULT_PLATFORM=linux/s390x";
    with(odd, "pull busybox").fails().says("s390x");
    with(odd, "run --rm busybox true").fails().says("s390x");
    let own = with(odd, "run --rm --platform linux/amd64 busybox echo here");
    assert_eq!(own.ok(), "here");
    let build = with(
        "DOCKER_BUILDKIT=0 DOCKER_DEFAULT_PLATFORM=nonsense",
        "build - <<< 'FROM busybox'",
    );
    build.fails().says("nonsense");
    // Nobody checks signatures here, so nobody may believe that they were checked.
    for args in ["pull busybox", "run --rm busybox true"] {
        with("DOCKER_CONTENT_TRUST=1", args).fails();
        let off = args.replacen(' ', " --disable-content-trust ", 1);
        with("DOCKER_CONTENT_TRUST=1", &off).ok();
        with("DOCKER_CONTENT_TRUST=0", args).ok();
    }
}

#[test]
fn progress_may_be_a_habit() {
    let daemon = Daemon::with_registry();
    let with = |variable: &str, options: &str| {
        let script = format!("{variable} exec $GANTRY build {options} - <<< 'FROM busybox'");
        let run = daemon.script(&script, "");
        run.ok();
        run.stderr
    };
    let raw = with("BUILDKIT_PROGRESS=rawjson", "");
    assert!(raw.starts_with('{'), "{raw}");
    let plain = with("BUILDKIT_PROGRESS=rawjson", "--progress plain");
    assert!(plain.starts_with("#0 "), "{plain}");
    assert_eq!(with("BUILDKIT_PROGRESS=rawjson", "-q"), "");
}

/// What the configuration file says of tables.
fn the_configuration_file_has_habits(c: &Client) {
    configure(
        c,
        r#"{"statsFormat": "{{.Name}} has {{.PIDs}}", "psFormat": "{{.Names}}!"}"#,
    );
    c.ok("run -d --name up busybox sleep 1000");
    assert_eq!(c.ok("stats --no-stream"), "up has 1");
    assert_eq!(c.ok("ps"), "up!");
}

#[test]
fn prunes_may_have_conditions_by_habit() {
    let c = Client::gantry();
    configure(
        &c,
        r#"{"psFormat": "{{.Names}}!", "pruneFilters": ["label!=keep"]}"#,
    );
    c.ok("run -d --name up --label keep busybox sleep 1000");
    c.ok("create --name kept --label keep busybox");
    c.ok("create --name gone busybox");
    c.ok("container prune -f");
    assert_eq!(c.ok("ps -a"), "kept!\nup!");
    c.ok("system prune -f");
    assert_eq!(c.ok("ps -a"), "kept!\nup!");
    // What is typed says the opposite, and counts.
    c.ok("container prune -f --filter label=keep");
    assert_eq!(c.ok("ps -a"), "up!");
}

fn contexts_are_made_used_and_removed(c: &Client) {
    let host = format!("unix://{}", c.daemon.socket().display());
    // Nothing in the environment but the configuration's folder.
    let run = |args: &str| c.script(&format!("unset DOCKER_HOST; exec $C {args}"), "");
    let created = run(&format!(
        "context create far --description 'far away' --docker host={host}"
    ));
    assert_eq!(created.ok().trim(), "far");
    assert!(
        created
            .stderr
            .contains("Successfully created context \"far\"")
    );
    run("context create far").exits(1);
    assert_eq!(
        run("--context far version -f '{{.Server.Os}}'").ok().trim(),
        "linux"
    );
    assert_eq!(run("context show").ok().trim(), "default");
    run("context use far").ok();
    assert_eq!(run("context show").ok().trim(), "far");
    assert_eq!(run("version -f '{{.Server.Os}}'").ok().trim(), "linux");
    let list = run("context ls").ok().to_owned();
    assert!(
        list.contains("far *") && list.contains("far away") && list.contains(&host),
        "{list}"
    );
    assert_eq!(run("context ls -q").ok(), "default\nfar");
    assert_eq!(
        run("context inspect far -f '{{.Endpoints.docker.Host}} {{.Name}}'")
            .ok()
            .trim(),
        format!("{host} far")
    );
    run("context rm far").exits(1);
    run("context export far - > $DOCKER_CONFIG/far.tar").ok();
    run("context import near - < $DOCKER_CONFIG/far.tar").ok();
    assert_eq!(
        run("--context near version -f '{{.Server.Os}}'")
            .ok()
            .trim(),
        "linux"
    );
    // A zip is as good.
    let zip = "python3 -c 'import os, tarfile, zipfile; os.chdir(os.environ[\"DOCKER_CONFIG\"]); \
        t = tarfile.open(\"far.tar\"); z = zipfile.ZipFile(\"far.zip\", \"w\", zipfile.ZIP_DEFLATED); \
        [z.writestr(m.name, t.extractfile(m).read()) for m in t if m.isfile()]; z.close()'";
    c.script(zip, "").ok();
    run("context import zipped $DOCKER_CONFIG/far.zip").ok();
    let zipped = run("context inspect zipped").ok().to_owned();
    assert!(
        zipped.contains("far away") && zipped.contains(&host),
        "{zipped}"
    );
    run("context rm zipped").ok();
    run("context update near --description nearer").ok();
    run("context use default").ok();
    run("context rm far near").ok();
    let gone = run("--context far ps");
    gone.exits(1);
    assert!(gone.stderr.contains("context not found"), "{}", gone.stderr);
}

/// Both tools read what the other wrote.
#[test]
fn contexts_are_shared_with_docker() {
    let daemon = Daemon::start();
    let host = format!("unix://{}", daemon.socket().display());
    let script = format!(
        "set -e; unset DOCKER_HOST; $GANTRY context create ours --docker host={host}; docker context use ours; \
         $GANTRY version -f '{{{{.Server.Os}}}}'; docker context create theirs --docker host={host}; \
         $GANTRY context use theirs; docker context show; docker version -f '{{{{.Server.Os}}}}'"
    );
    let run = daemon.script(&script, "");
    let lines: Vec<&str> = run.ok().lines().collect();
    assert_eq!(
        lines,
        [
            "ours", "ours", "linux", "theirs", "theirs", "theirs", "linux"
        ],
        "{}",
        run.stderr
    );
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn ssh_runs_dial_stdio_over_there() {
    let daemon = Daemon::with_registry();
    let bin = daemon.world.folder().join("bin");
    // Stands in for ssh: runs the remote command here.
    program(
        &bin.join("ssh"),
        &format!(
            "#!/bin/sh\necho \"$@\" >> {0}/args\nwhile [ \"$1\" != -- ]; do shift; done; shift 2\nDOCKER_HOST=unix://{1} exec sh -c \"$*\"\n",
            bin.display(),
            daemon.socket().display()
        ),
    );
    std::os::unix::fs::symlink(gantry_binary(), bin.join("gantry")).unwrap();
    let run = |args: &str, input: &str| {
        daemon.script(
            &format!("unset DOCKER_HOST; PATH={}:$PATH; {args}", bin.display()),
            input,
        )
    };
    let version = run(
        "gantry -H ssh://me@there:2222 version -f '{{.Server.Os}}'",
        "",
    );
    assert_eq!(version.ok().trim(), "linux");
    let args = fs::read_to_string(bin.join("args")).unwrap();
    assert!(
        args.starts_with("-l me -p 2222 -o ConnectTimeout=30 -T -- there sh -c"),
        "{args}"
    );
    let echo = run("gantry -H ssh://there run --rm -i busybox cat", "over ssh");
    assert_eq!(echo.ok(), "over ssh");
    // Docker's own command line asks for `docker`: ours called so does as well.
    std::os::unix::fs::symlink(gantry_binary(), bin.join("docker")).unwrap();
    let stock = format!(
        "unset DOCKER_HOST; stock=$(command -v docker); PATH={}:$PATH; $stock -H ssh://there ps -q",
        bin.display()
    );
    daemon.script(&stock, "").ok();
}

#[test]
fn plugins_are_commands() {
    let daemon = Daemon::start();
    let folder = daemon.world.folder().join("docker/cli-plugins");
    program(
        &folder.join("docker-greet"),
        "#!/bin/sh\nif [ \"$1\" = docker-cli-plugin-metadata ]; then\n\
         echo '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"V\",\"Version\":\"1\",\"ShortDescription\":\"Greets\"}'; exit; fi\n\
         echo \"$@\"; echo \"$DOCKER_HOST\"; basename \"$DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND\"; exit 7\n",
    );
    fs::write(
        daemon.world.folder().join("docker/config.json"),
        r#"{"aliases": {"hey": "greet there", "l": "ps -q"}, "HttpHeaders": {"X-Who": "me"}}"#,
    )
    .unwrap();
    let run = daemon.gantry("--log-level warn greet --loud you");
    run.exits(7);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "--log-level warn greet --loud you");
    assert_eq!(lines[1], format!("unix://{}", daemon.socket().display()));
    assert_eq!(
        lines[2],
        gantry_binary().file_name().unwrap().to_str().unwrap()
    );
    let alias = daemon.gantry("hey -x");
    alias.exits(7);
    assert!(
        alias.stdout.starts_with("greet there -x\n"),
        "{}",
        alias.stdout
    );
    assert_eq!(daemon.gantry("l").ok(), "");
    let help = daemon.gantry("--help");
    assert!(
        help.ok().contains("greet*") && help.stdout.contains("Greets"),
        "{}",
        help.stdout
    );
    let unknown = daemon.gantry("nothing");
    unknown.exits(1);
    assert!(
        unknown.stderr.contains("unknown command"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_plugin_starts_the_daemon_it_needs() {
    let world = World::new();
    let folder = world.folder().display().to_string();
    program(
        &world.folder().join("docker/cli-plugins/docker-who"),
        "#!/bin/sh\ncurl -s --unix-socket ${DOCKER_HOST#unix://} http://d/_ping\n",
    );
    let gantry = gantry_binary().display().to_string();
    let run = world.sh(&format!(
        "mount -t tmpfs none /run; unset DOCKER_HOST; export DOCKER_CONFIG={folder}/docker \
         GANTRY_RUN_ROOT={folder}/run GANTRY_DATA_ROOT={folder}/data; {gantry} who && {gantry} daemon stop --data-root {folder}/data"
    ));
    assert_eq!(run.ok(), "OK");
}

/// A daemon that a service's command started does not end with that service.
#[test]
fn an_autostarted_daemon_leaves_the_cgroup_of_who_called() {
    let world = World::new();
    let hierarchy = [
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/pids/cgroup.procs",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
    .unwrap();
    let hierarchy = Path::new(hierarchy).parent().unwrap().display().to_string();
    let (folder, name) = (
        world.folder().display().to_string(),
        world.name().to_owned(),
    );
    let gantry = gantry_binary().display().to_string();
    let run = world.sh(&format!(
        "mount -t tmpfs none /run; unset DOCKER_HOST; G={hierarchy}/{name}/ci.service; mkdir -p $G; \
         export HOME={folder} GANTRY_RUN_ROOT={folder}/run GANTRY_DATA_ROOT={folder}/data; \
         bash -c \"echo \\$\\$ > $G/cgroup.procs; {gantry} ps -q\"; \
         cat $G/cgroup.procs | wc -l; {gantry} daemon stop --data-root {folder}/data; rmdir $G"
    ));
    assert_eq!(run.stdout.trim(), "0", "{}", run.stderr);
}

#[test]
fn completion_offers_what_fits() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name up busybox sleep 1000").ok();
    daemon.gantry("create --name down busybox").ok();
    let offers = |words: &str| {
        let run = daemon.gantry(&format!("__complete {words}"));
        let mut names: Vec<String> = run
            .ok()
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned())
            .collect();
        let directive = names.pop().unwrap();
        assert!(directive.starts_with(':'), "{}", run.stdout);
        names
    };
    assert_eq!(offers("stop ''"), ["up"]);
    assert_eq!(offers("start ''"), ["down"]);
    assert_eq!(offers("rm -f ''"), ["down", "up"]);
    assert_eq!(offers("container rm u"), ["up"]);
    assert_eq!(offers("cp ''"), ["down:", "up:"]);
    assert_eq!(offers("run --rm bu"), ["busybox", "busybox:latest"]);
    assert_eq!(offers("run --restart on"), ["on-failure"]);
    assert!(offers("run --network br").contains(&"bridge".to_owned()));
    assert_eq!(offers("run --privi"), ["--privileged"]);
    assert_eq!(offers("contex"), ["context"]);
    assert!(offers("context ''").contains(&"use".to_owned()));
    assert_eq!(offers("context use ''"), ["default"]);
    assert_eq!(offers("run busybox --privi"), [""; 0]);
    // The shell's script itself, with the shell.
    let script = "source <($GANTRY completion bash); COMP_WORDS=(gantry stop u); COMP_CWORD=2; \
        gantry() { \"$GANTRY\" \"$@\"; }; compopt() { :; }; _gantry_complete; echo \"${COMPREPLY[@]}\"";
    assert_eq!(daemon.script(script, "").ok().trim(), "up");
    for shell in ["zsh", "fish"] {
        assert!(
            daemon
                .gantry(&format!("completion {shell}"))
                .ok()
                .contains("__complete")
        );
    }
    daemon.gantry("completion tcsh").exits(1);
}

#[test]
fn help_is_laid_out_as_dockers() {
    let daemon = Daemon::start();
    for command in [
        "context create",
        "context use",
        "secret create",
        "container ls",
        "volume create",
        "exec",
        "stop",
    ] {
        let theirs = daemon.docker(&format!("{command} --help"));
        let ours = daemon.gantry(&format!("{command} --help"));
        let usage = |text: &str| {
            text.lines()
                .find(|l| l.starts_with("Usage:"))
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(
            usage(ours.ok()).replace("gantry", "docker"),
            usage(theirs.ok()),
            "{command}"
        );
        for option in theirs
            .stdout
            .lines()
            .filter_map(|l| l.split_whitespace().find(|w| w.starts_with("--")))
        {
            assert!(
                ours.stdout.contains(option),
                "{command} {option}:\n{}",
                ours.stdout
            );
        }
    }
    let root = daemon.gantry("").stdout;
    for part in [
        "Common Commands:",
        "Management Commands:",
        "Swarm Commands:",
        "Global Options:",
        "  run ",
        "--tlsverify",
    ] {
        assert!(root.contains(part), "{part}\n{root}");
    }
    let version = daemon.gantry("--version");
    assert!(
        version.ok().contains(", build ") && !version.stdout.contains("unknown"),
        "{}",
        version.stdout
    );
}
