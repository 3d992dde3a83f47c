//! The process: who, where, with which words, and files of options.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Client, archives, through_both};

through_both!(
    users_and_groups,
    files_of_options,
    the_entrypoint_can_be_taken_away,
    an_id_file_and_a_pull_policy,
    init_reaps,
    another_platform_is_told,
    a_program_for_another_machine_is_told,
);

fn users_and_groups(client: &Client) {
    let id = |options: &str| client.ok(&format!("run --rm {options} busybox id"));
    assert_eq!(id("--user 1234"), "uid=1234 gid=0(root) groups=0(root)");
    assert_eq!(id("--user 1234:5678"), "uid=1234 gid=5678 groups=5678");
    assert_eq!(
        id("--user nobody --group-add 77 --group-add users"),
        "uid=65534(nobody) gid=65534(nogroup) groups=77,100(users),65534(nogroup)"
    );
    assert_eq!(
        id("--user nobody:users"),
        "uid=65534(nobody) gid=100(users) groups=100(users)"
    );
    let unknown = client.run("run --rm --user whoever busybox id");
    assert!(
        unknown
            .stderr
            .contains("unable to find user whoever: no matching entries in passwd file"),
        "{}",
        unknown.stderr
    );
}

fn files_of_options(client: &Client) {
    let script = "printf '# comment\\nA=1\\nPASSED\\n' > env; printf 'l1=x\\nl2\\n' > labels; \
        PASSED=on $C run --name files --env-file env -e B=2 --label-file labels --label l3=z busybox \
        sh -c 'echo $A $PASSED $B' && $C inspect -f '{{json .Config.Labels}}' files";
    let folder = client.daemon.world.folder().display();
    let said = client.script(&format!("cd {folder}; {script}"), "");
    assert_eq!(said.ok(), "1 on 2\n{\"l1\":\"x\",\"l3\":\"z\"}");
}

fn the_entrypoint_can_be_taken_away(client: &Client) {
    let said = client.ok("run --rm --entrypoint echo nginx hello");
    assert_eq!(said, "hello");
    assert_eq!(
        client.ok("run --rm --entrypoint '' nginx echo none"),
        "none"
    );
    let nothing = client.run("run --rm --entrypoint '' nginx");
    assert!(
        nothing.stderr.contains("no command specified"),
        "{}",
        nothing.stderr
    );
}

fn an_id_file_and_a_pull_policy(client: &Client) {
    let folder = client.daemon.world.folder().display();
    let file = format!("{folder}/id");
    let id = client.ok(&format!(
        "create --cidfile {file} --annotation a=b busybox true"
    ));
    assert_eq!(client.script(&format!("cat {file}"), "").stdout, id);
    assert_eq!(client.inspect(&id, ".HostConfig.Annotations"), "map[a:b]");
    let again = client.run(&format!("create --cidfile {file} busybox true"));
    assert!(
        again.stderr.contains("container ID file found"),
        "{}",
        again.stderr
    );
    let never = client.run("run --rm --pull never redis true");
    assert!(
        never.stderr.contains("No such image: redis:latest"),
        "{}",
        never.stderr
    );
}

fn init_reaps(client: &Client) {
    client.ok("run -d --name orphans --init busybox sh -c '(sleep 0 &) ; sleep 1000'");
    assert_eq!(client.ok("exec orphans cat /proc/1/comm"), "docker-init");
    crate::harness::eventually("orphans are reaped", || {
        !client.ok("exec orphans ps").contains("[sleep]")
    });
}

fn another_platform_is_told(client: &Client) {
    let refused = client.run("run --rm --platform linux/s390x busybox true");
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("s390x") || refused.stderr.contains("no matching manifest"),
        "{}",
        refused.stderr
    );
}

/// An image for arm64 that was loaded or pulled by mistake.
fn a_program_for_another_machine_is_told(client: &Client) {
    let folder = client.daemon.world.folder();
    // The head of an ELF file for AArch64 is enough for the kernel to say no.
    let mut program = vec![0; 64];
    program[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    program[16..20].copy_from_slice(&[2, 0, 183, 0]);
    let path = folder.join("program");
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let (layer, image) = (folder.join("layer.tar"), folder.join("image.tar"));
    archives::tar(folder, &layer, &["program"]);
    archives::archive_for(&image, "foreign:v1", &layer, "arm64");
    client.ok(&format!("load -i {}", image.display()));
    assert_eq!(client.inspect("foreign:v1", ".Architecture"), "arm64");
    let run = client.run("run --rm foreign:v1 /program");
    assert_ne!(run.code, 0);
    run.says("The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64")
        .says("exec format error");
    assert_eq!(client.ok("ps -aq"), "");
}
