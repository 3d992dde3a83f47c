//! What a build through BuildKit's protocol may be given, and what it may leave behind.

use std::fs;

use super::{context, script};
use crate::harness::{Client, Run, eventually, through_both};
use crate::images::registries::{ADDRESS, Writable};

through_both!(
    secrets_and_the_agent_are_seen_by_their_step_alone,
    a_step_reaches_the_agent_of_the_client,
    a_result_leaves_as_archives_and_files,
    an_image_is_pushed_with_its_provenance,
    names_are_what_the_build_says,
    arguments_of_the_frontend_have_their_effect,
    a_file_behind_a_login_is_added_with_a_secret,
);

/// Builds by BuildKit's protocol.
fn build(client: &Client, arguments: &str) -> Run {
    script(client, &format!("$C buildx build {arguments} 2>&1"))
}

fn secrets_and_the_agent_are_seen_by_their_step_alone(client: &Client) {
    let file = "FROM busybox\n\
        RUN --mount=type=secret,id=k,uid=5,mode=0440 --mount=type=secret,id=k,env=TOKEN \
            stat -c '%u %a' /run/secrets/k > /seen && cat /run/secrets/k | md5sum >> /seen && \
            printf %s \"$TOKEN\" | md5sum >> /seen && mount | grep -c 'on /run/secrets/k type tmpfs' >> /seen\n\
        RUN [ ! -e /run/secrets ] && [ -z \"$TOKEN\" ]\n";
    let at = context(client, file);
    fs::write(at.parent().unwrap().join("secret"), "hidden-word").unwrap();
    let at = at.display();
    let given = format!("--secret id=k,src={at}/../secret");
    build(client, &format!("-t seen {given} {at}")).ok();
    let seen = client.ok("run --rm seen cat /seen");
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!((lines[0], lines[3]), ("5 440", "1"), "{seen}");
    assert_eq!(lines[1], lines[2], "file and variable are the same");
    // Nowhere on the disk, and another value makes no other layer.
    let root = client.daemon.world.folder().display().to_string();
    let found = client.daemon.world.sh(&format!(
        "grep -rl hidden-word {root}/data {root}/run 2>/dev/null; true"
    ));
    assert_eq!(found.stdout, "");
    fs::write(format!("{at}/../secret"), "other").unwrap();
    build(client, &format!("-t again {given} {at}")).ok();
    assert_eq!(client.ok("run --rm again cat /seen"), seen);
    let file = "FROM busybox\\nRUN --mount=type=secret,id=k,required cat /run/secrets/k\\n";
    let missing = script(
        client,
        &format!("printf '{file}' | $C buildx build -f - {at} 2>&1"),
    );
    assert!(
        missing.code != 0 && missing.stdout.contains("secret k: not found"),
        "{}",
        missing.stdout
    );
}

fn a_step_reaches_the_agent_of_the_client(client: &Client) {
    // Asks for the agent's keys: a length, and the number of the question; 12 is the answer's.
    let ask = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); \
               s.sendall(bytes([0, 0, 0, 1, 11])); print('answer', s.recv(5)[4])";
    let file = format!("FROM python\nRUN --mount=type=ssh python3 -c \"{ask}\"\n");
    let at = context(client, &file);
    let at = at.display();
    let asked = script(
        client,
        &format!(
            "export BUILDKIT_PROGRESS=plain; ssh-agent sh -c '$1 buildx build --ssh default {at}' - $C 2>&1"
        ),
    );
    assert!(asked.ok().contains("answer 12"), "{}", asked.stdout);
    let without = build(client, &format!("--no-cache {at}"));
    assert_ne!(without.code, 0, "{}", without.stdout);
}

fn a_result_leaves_as_archives_and_files(client: &Client) {
    let at = context(client, "FROM scratch\nCOPY src /out/\n");
    let at = at.display();
    let into = format!("{at}/../out");
    let all = format!(
        "set -e; export SOURCE_DATE_EPOCH=1000000000; B=\"$C buildx build -q {at}\"
         $B -o type=local,dest={into}/local >&2; cat {into}/local/out/a.txt
         $B -o type=tar,dest={into}.tar >&2; tar -xOf {into}.tar out/deep/b.log
         $B -t me/x:1 -o type=docker,dest={into}.docker >&2; $C load -q -i {into}.docker
         $B -t me/x:2 -o type=oci,dest={into}.oci >&2; tar -xOf {into}.oci index.json | grep -o 'me/x:2'
         $C inspect -f '{{{{.Created}}}}' me/x:1"
    );
    let run = script(client, &all);
    let told = run.ok();
    assert_eq!(
        told, "content\nlog\nLoaded image: me/x:1\nme/x:2\n2001-09-09T01:46:40Z",
        "{}",
        run.stderr
    );
}

fn an_image_is_pushed_with_its_provenance(client: &Client) {
    let at = context(client, "FROM busybox\nCOPY src/a.txt /a\n");
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/me/pushed:1");
    let pushed = build(
        client,
        &format!(
            "--output type=image,name={name},push=true,annotation-manifest.key=value --attest type=provenance,mode=max {}",
            at.display()
        ),
    );
    pushed.ok();
    let get = |path: &str| {
        let accept =
            "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json";
        let url = format!("http://{ADDRESS}/v2/me/pushed/{path}");
        let run = client
            .daemon
            .world
            .sh(&format!("curl -fsL -H 'accept: {accept}' {url}"));
        serde_json::from_str::<serde_json::Value>(run.ok()).unwrap()
    };
    let index = get("manifests/1");
    let digest = |n: usize| index["manifests"][n]["digest"].as_str().unwrap().to_owned();
    let image = get(&format!("manifests/{}", digest(0)));
    assert_eq!(image["annotations"]["key"], "value");
    let attestation = get(&format!("manifests/{}", digest(1)));
    assert_eq!(
        index["manifests"][1]["annotations"]["vnd.docker.reference.digest"],
        digest(0)
    );
    let statement = get(&format!(
        "blobs/{}",
        attestation["layers"][0]["digest"].as_str().unwrap()
    ));
    assert_eq!(
        statement["predicateType"],
        "https://slsa.dev/provenance/v0.2"
    );
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest(0)[7..]);
    let materials = statement["predicate"]["materials"].to_string();
    assert!(materials.contains("pkg:docker/busybox"), "{materials}");
    client.ok(&format!("rmi -f {name}"));
    assert_eq!(client.ok(&format!("run --rm {name} cat /a")), "content");
}

fn names_are_what_the_build_says(client: &Client) {
    let file = "FROM base AS one\nFROM busybox AS replaced\nRUN false\nFROM one\n\
                COPY --from=folder a.txt /folder\nCOPY --from=replaced /bin/true /was\n\
                RUN --mount=type=bind,from=folder,target=/m cat /m/a.txt > /mounted\n";
    let at = context(client, file);
    let at = at.display();
    build(
        client,
        &format!(
            "-t named --build-context base=docker-image://busybox --build-context folder={at}/src \
             --build-context replaced=docker-image://busybox {at}"
        ),
    )
    .ok();
    assert_eq!(
        client.ok("run --rm named cat /folder /mounted"),
        "content\ncontent"
    );
}

fn arguments_of_the_frontend_have_their_effect(client: &Client) {
    let at = context(client, "FROM busybox AS Base\nRUN hostname > /name\n");
    let at = at.display();
    let out = format!("{at}/../one.tar");
    let options = format!(
        "-t named:1 --build-arg BUILDKIT_SANDBOX_HOSTNAME=mine --build-arg BUILDKIT_MULTI_PLATFORM=1 -o type=oci,dest={out}"
    );
    let built = build(client, &format!("--provenance=false {options} {at}"));
    for part in [
        "StageNameCasing",
        "exporting to oci image format",
        "exporting manifest sha256:",
    ] {
        assert!(built.ok().contains(part), "{part}: {}", built.stdout);
    }
    let unpack = format!("mkdir {at}/../one && tar -xf {out} -C {at}/../one");
    client.daemon.world.sh(&unpack).ok();
    let read = |path: &str| {
        let text = fs::read(format!("{at}/../one/{path}")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    // An index, also of one platform alone.
    let top = read("index.json")["manifests"][0].clone();
    assert_eq!(top["mediaType"], "application/vnd.oci.image.index.v1+json");
    let index = read(&format!(
        "blobs/sha256/{}",
        &top["digest"].as_str().unwrap()[7..]
    ));
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    build(
        client,
        &format!("-t named:1 --build-arg BUILDKIT_SANDBOX_HOSTNAME=mine {at}"),
    )
    .ok();
    assert_eq!(client.ok("run --rm named:1 cat /name"), "mine");
    let quiet = build(
        client,
        &format!("--build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all {at}"),
    );
    assert!(!quiet.ok().contains("StageNameCasing"), "{}", quiet.stdout);
    let strict = build(
        client,
        &format!("--build-arg BUILDKIT_DOCKERFILE_CHECK=error=true {at}"),
    );
    assert!(
        strict.code != 0 && strict.stdout.contains("lint violation"),
        "{}",
        strict.stdout
    );
}

/// The plugin refuses that itself where an engine is its own builder.
#[test]
fn an_image_is_pushed_by_its_digest_alone() {
    let client = &Client::gantry();
    let at = context(client, "FROM busybox\nCOPY src/a.txt /a\n");
    let at = at.display();
    let _registry = Writable::serve(client);
    let name = format!("{ADDRESS}/me/digested");
    let output =
        format!("type=image,name={name},push=true,push-by-digest=true,name-canonical=true");
    let metadata = format!("{at}/../metadata.json");
    build(
        client,
        &format!("--provenance=false -o {output} --metadata-file {metadata} {at}"),
    )
    .ok();
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&metadata).unwrap()).unwrap();
    let digest = told["containerimage.digest"].as_str().unwrap();
    let tags = client.daemon.world.sh(&format!(
        "curl -s -o /dev/null -w '%{{http_code}}' http://{ADDRESS}/v2/me/digested/manifests/latest"
    ));
    assert_eq!(tags.ok(), "404");
    let whole = format!("{name}@{digest}");
    assert_eq!(client.ok(&format!("run --rm {whole} cat /a")), "content");
}

/// Tells its one visitor after the other what they said of themselves.
const DOORMAN: &str = "import http.server as h
class D(h.BaseHTTPRequestHandler):
    def do_GET(self):
        said = self.headers.get('authorization', '')
        self.send_response(200 if said == 'Bearer hidden-word' else 401)
        self.end_headers()
        self.wfile.write(b'in')
h.HTTPServer(('127.0.0.1', 8125), D).serve_forever()";

fn a_file_behind_a_login_is_added_with_a_secret(client: &Client) {
    let at = context(
        client,
        "FROM busybox\nADD http://127.0.0.1:8125/file /file\n",
    );
    let folder = client.daemon.world.folder();
    fs::write(folder.join("doorman.py"), DOORMAN).unwrap();
    let serve = format!(
        "(setsid python3 {}/doorman.py >/dev/null 2>&1 &)",
        folder.display()
    );
    client.daemon.world.sh(&serve).ok();
    eventually("the doorman is there", || {
        let asked = client.daemon.world.sh("curl -s http://127.0.0.1:8125/");
        asked.code == 0
    });
    let at = at.display();
    let without = build(client, &format!("{at}"));
    assert!(
        without.code != 0 && without.stdout.contains("401"),
        "{}",
        without.stdout
    );
    let secret = "export SAID=hidden-word; ";
    let given = "--secret id=HTTP_AUTH_TOKEN_127.0.0.1,env=SAID";
    let with = script(
        client,
        &format!("{secret} $C buildx build -t in {given} {at} 2>&1"),
    );
    assert!(!with.ok().contains("hidden-word"), "{}", with.stdout);
    assert_eq!(client.ok("run --rm in cat /file"), "in");
}
