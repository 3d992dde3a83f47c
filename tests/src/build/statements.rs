//! What is installed in an image, and programs for other machines.

use super::{context, script};
use crate::harness::{Client, Run, through_both};

through_both!(
    an_image_tells_what_is_installed_in_it,
    a_program_for_another_machine_is_told_of,
);

fn build(client: &Client, arguments: &str) -> Run {
    script(client, &format!("$C buildx build {arguments} 2>&1"))
}

fn an_image_tells_what_is_installed_in_it(client: &Client) {
    let file = "FROM busybox\n\
        COPY <<END /var/lib/dpkg/status\n\
        Package: own\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2+b1\n\nPackage: gone\n\
        Status: purge ok not-installed\nVersion: 3\nEND\n\
        COPY <<END /etc/os-release\nID=debian\nVERSION_ID=13\nEND\n\
        COPY <<END /usr/lib/python3/dist-packages/Some_Thing-1.dist-info/METADATA\nName: Some_Thing\nVersion: 1\nEND\n\
        COPY <<END /app/node_modules/@me/own/package.json\n{\"name\":\"@me/own\",\"version\":\"2.0.0\"}\nEND\n";
    let at = context(client, file);
    let at = at.display();
    let layout = format!("{at}/../told");
    build(
        client,
        &format!("--sbom=true --provenance=mode=min -t me/told:1 -o type=oci,tar=false,dest={layout} {at}"),
    )
    .ok();
    let read = |path: &str| {
        let text = std::fs::read(format!("{layout}/{path}")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    let blob = |of: &serde_json::Value| {
        let digest = of["digest"].as_str().unwrap();
        read(&format!("blobs/sha256/{}", &digest[7..]))
    };
    let index = blob(&read("index.json")["manifests"][0]);
    let statements = blob(&index["manifests"][1]);
    let types: Vec<&str> = [0, 1]
        .map(|n| {
            statements["layers"][n]["annotations"]["in-toto.io/predicate-type"]
                .as_str()
                .unwrap()
        })
        .to_vec();
    assert_eq!(
        types,
        [
            "https://spdx.dev/Document",
            "https://slsa.dev/provenance/v0.2"
        ]
    );
    let told = blob(&statements["layers"][0]);
    let image = index["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(told["subject"][0]["digest"]["sha256"], image[7..]);
    let document = &told["predicate"];
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    let packages = document["packages"].as_array().unwrap();
    let urls: Vec<&str> = packages
        .iter()
        .skip(1)
        .map(|one| one["externalRefs"][0]["referenceLocator"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls,
        [
            "pkg:npm/%40me/own@2.0.0",
            "pkg:deb/debian/own@1%3A2%2Bb1?arch=amd64&distro=debian-13",
            "pkg:pypi/some-thing@1"
        ],
        "{document}"
    );
    // Others' generators are programs that nobody runs here.
    let other = build(
        client,
        &format!("--attest type=sbom,generator=me/scanner -o type=oci,dest={at}/../x {at}"),
    );
    assert!(
        other.code != 0 && other.stdout.contains("me/scanner"),
        "{}",
        other.stdout
    );
}

fn a_program_for_another_machine_is_told_of(client: &Client) {
    // The head of a program for s390x (elf(5)): nobody registers that without wanting to run it.
    let head = "\\177ELF\\2\\2\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\26";
    let file = format!(
        "FROM --platform=linux/amd64 busybox AS made\nRUN printf '{head}' > /sh && chmod +x /sh\n\
         FROM scratch\nCOPY --from=made /sh /bin/sh\nRUN echo never\n"
    );
    let at = context(client, &file);
    let at = at.display();
    let told = build(client, &format!("--platform linux/s390x {at}"));
    for part in [
        "/bin/sh is a program for linux/s390x",
        "binfmt_misc",
        "qemu-user-static",
    ] {
        assert!(
            told.code != 0 && told.stdout.contains(part),
            "{part}: {}",
            told.stdout
        );
    }
}
