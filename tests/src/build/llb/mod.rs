//! Definitions that other frontends make (LLB), and looking into what they come to.

mod client;
mod remote;

use bollard_buildkit_proto::health::HealthCheckRequest;
use bollard_buildkit_proto::moby::buildkit::v1::frontend::{
    FileRange, ReadDirRequest, ReadFileRequest, Ref, ResolveImageConfigRequest,
    Result as FrontendResult, ReturnRequest, StatFileRequest, result,
};
use bollard_buildkit_proto::pb::{self, file_action::Action, op};
use tonic::Code;

use crate::harness::{Client, Daemon};
use client::{Build, Graph, build};

const BUSYBOX: &str = "docker-image://docker.io/library/busybox:latest";

/// A build that leaves nothing but what is cached.
const NOWHERE: (&str, &[(&str, &str)]) = ("", &[]);

/// Returns one result, with its image's configuration.
fn returned(reference: String, config: &str) -> ReturnRequest {
    let metadata = [(
        "containerimage.config".to_owned(),
        config.as_bytes().to_vec(),
    )];
    ReturnRequest {
        result: Some(FrontendResult {
            metadata: metadata.into(),
            result: Some(result::Result::Ref(Ref {
                id: reference,
                def: None,
            })),
            ..FrontendResult::default()
        }),
        error: None,
    }
}

async fn read(build: &mut Build, reference: &str, path: &str) -> Result<String, tonic::Status> {
    let request = build.call(ReadFileRequest {
        r#ref: reference.to_owned(),
        file_path: path.to_owned(),
        ..ReadFileRequest::default()
    });
    let data = build.bridge.read_file(request).await?.into_inner().data;
    Ok(String::from_utf8(data).unwrap())
}

/// What a definition of all kinds of operations comes to.
fn everything(graph: &mut Graph) -> client::Edge {
    let base = graph.source(BUSYBOX);
    let (root, out) = graph.run(
        &base,
        "cat /proc/sys/kernel/random/uuid > /seen; mkdir /out/deep; echo made > /out/deep/file; \
         ln -s deep /out/link; echo x > /out/deep/.hidden",
    );
    let changed = graph.change(
        &root,
        &out,
        vec![
            Action::Mkdir(pb::FileActionMkDir {
                path: "/a/b".to_owned(),
                mode: 0o750,
                make_parents: true,
                timestamp: -1,
                ..pb::FileActionMkDir::default()
            }),
            Action::Mkfile(pb::FileActionMkFile {
                path: "/a/b/text".to_owned(),
                mode: 0o640,
                data: b"0123456789".to_vec(),
                timestamp: 1_000_000_000_000_000_000,
                owner: Some(pb::ChownOpt {
                    user: Some(pb::UserOpt {
                        user: Some(pb::user_opt::User::ById(7)),
                    }),
                    group: None,
                }),
            }),
            Action::Copy(pb::FileActionCopy {
                src: "/deep".to_owned(),
                dest: "/a/".to_owned(),
                mode: -1,
                timestamp: -1,
                ..pb::FileActionCopy::default()
            }),
            Action::Copy(pb::FileActionCopy {
                src: "/link".to_owned(),
                dest: "/a/link".to_owned(),
                mode: -1,
                timestamp: -1,
                ..pb::FileActionCopy::default()
            }),
            Action::Symlink(pb::FileActionSymlink {
                oldpath: "../../../../../../../../etc/machine-id".to_owned(),
                newpath: "/a/out".to_owned(),
                timestamp: -1,
                ..pb::FileActionSymlink::default()
            }),
            Action::Rm(pb::FileActionRm {
                path: "/a/deep/.h*".to_owned(),
                allow_wildcard: true,
                ..pb::FileActionRm::default()
            }),
        ],
    );
    let more = graph.diff(&base, &changed);
    graph.merge(&[&base, &more])
}

#[test]
fn operations_are_carried_out_and_can_be_looked_into() {
    let client = Client::docker();
    let config = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["cat","/a/deep/file"],"Env":["PATH=/bin"]}}"#;
    let story = |mut build: Build| async move {
        let mut graph = Graph::default();
        let whole = everything(&mut graph);
        let result = build.solve(graph.of(&whole)).await.unwrap();
        assert_eq!(
            read(&mut build, &result, "/a/deep/file").await.unwrap(),
            "made\n"
        );
        assert_eq!(
            read(&mut build, &result, "a/link/file").await.unwrap(),
            "made\n"
        );
        let part = build.call(ReadFileRequest {
            r#ref: result.clone(),
            file_path: "/a/b/text".to_owned(),
            range: Some(FileRange {
                offset: 3,
                length: 4,
            }),
            ..ReadFileRequest::default()
        });
        let part = build.bridge.read_file(part).await.unwrap().into_inner();
        assert_eq!(part.data, b"3456");
        // A link leads nowhere outside: this machine has the file, the image has not.
        let out = read(&mut build, &result, "/a/out").await.unwrap_err();
        assert_eq!(out.code(), Code::NotFound, "{out}");
        let directory = read(&mut build, &result, "/a").await.unwrap_err();
        assert!(
            directory.message().contains("not a regular file"),
            "{directory}"
        );
        let stat = build.call(StatFileRequest {
            r#ref: result.clone(),
            path: "/a/b/text".to_owned(),
            ..StatFileRequest::default()
        });
        let stat = build.bridge.stat_file(stat).await.unwrap().into_inner();
        let stat = stat.stat.unwrap();
        assert_eq!((stat.path.as_str(), stat.size, stat.uid), ("text", 10, 7));
        assert_eq!(
            (stat.mode, stat.mod_time),
            (0o640, 1_000_000_000_000_000_000)
        );
        for (pattern, wanted) in [("", &["b", "deep", "link", "out"][..]), ("l*", &["link"])] {
            let list = build.call(ReadDirRequest {
                r#ref: result.clone(),
                dir_path: "/a".to_owned(),
                include_pattern: pattern.to_owned(),
                ..ReadDirRequest::default()
            });
            let listed = build.bridge.read_dir(list).await.unwrap().into_inner();
            let names: Vec<&str> = listed.entries.iter().map(|e| e.path.as_str()).collect();
            assert_eq!(names, wanted);
            let link = listed.entries.iter().find(|e| e.path == "link").unwrap();
            assert_eq!(link.linkname, "deep");
        }
        let gone = read(&mut build, &result, "/a/deep/.hidden")
            .await
            .unwrap_err();
        assert_eq!(gone.code(), Code::NotFound, "{gone}");
        let seen = read(&mut build, &result, "/seen").await.unwrap();
        (seen, returned(result, config))
    };
    let output = ("image", &[("name", "me/by-hand:1")][..]);
    let (first, told) = build(&client.daemon, output, story);
    let told = told.unwrap().exporter_response;
    let id = client.inspect("me/by-hand:1", ".Id");
    assert_eq!(told["containerimage.config.digest"], id.trim());
    assert_eq!(client.ok("run --rm me/by-hand:1"), "made");
    let kept =
        client.ok("run --rm me/by-hand:1 sh -c 'stat -c \"%a %u\" /a/b /a/b/text; ls -A /a/deep'");
    assert_eq!(kept, "750 0\n640 7\nfile");
    // Nothing is made twice, by another build either.
    let (second, _) = build(&client.daemon, NOWHERE, story);
    assert_eq!(first, second);
    client.ok("builder prune -af");
    let (third, _) = build(&client.daemon, NOWHERE, story);
    assert_ne!(first, third);
    assert_eq!(client.ok("ps -aq"), "");
}

/// Definitions that are refused, and what is told of each.
fn refused() -> Vec<(pb::Definition, &'static str)> {
    let mut all = Vec::new();
    let mut alone = |make: &dyn Fn(&mut Graph) -> client::Edge, told| {
        let mut graph = Graph::default();
        let edge = make(&mut graph);
        all.push((graph.of(&edge), told));
    };
    alone(
        &|graph| (graph.add(&[], op::Op::Build(pb::BuildOp::default())), 0),
        "the operation build of LLB",
    );
    alone(
        &|graph| graph.source("ipfs://x"),
        "the source ipfs://x of LLB",
    );
    alone(
        &|graph| {
            let mut source = pb::SourceOp {
                identifier: "https://example.com/x".to_owned(),
                ..pb::SourceOp::default()
            };
            let name = "http.header.accept".to_owned();
            source.attrs.insert(name, "x".to_owned());
            (graph.add(&[], op::Op::Source(source)), 0)
        },
        "the attribute http.header.accept",
    );
    alone(
        &|graph| graph.source("local://context"),
        "nobody to ask for the folder context",
    );
    alone(
        &|graph| {
            let base = graph.source(BUSYBOX);
            let other = graph.source("docker-image://docker.io/library/python:latest");
            graph.diff(&base, &other)
        },
        "the diff of two filesystems",
    );
    alone(
        &|graph| {
            let base = graph.source(BUSYBOX);
            graph.run(&base, "echo seen; exit 3").0
        },
        "exit code: 3",
    );
    alone(
        &|_| ("sha256:0000".to_owned(), 0),
        "sha256:0000 that it lacks",
    );
    all
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let daemon = Daemon::with_registry();
    let story = |mut build: Build| async move {
        for (definition, part) in refused() {
            let told = build.solve(definition).await.unwrap_err();
            assert!(told.message().contains(part), "{part}: {told}");
        }
        let unknown = read(&mut build, "nothing", "/x").await.unwrap_err();
        assert_eq!(unknown.message(), "no such ref: nothing");
        // Of images there is more to know before they are used.
        let config = build.call(ResolveImageConfigRequest {
            r#ref: "docker.io/library/busybox:latest".to_owned(),
            ..ResolveImageConfigRequest::default()
        });
        let config = build.bridge.resolve_image_config(config).await.unwrap();
        let config = config.into_inner().config;
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["os"], "linux");
        for (service, known) in [("", true), ("moby.buildkit.v1.Control", true), ("x", false)] {
            let checked = build.health.check(HealthCheckRequest {
                service: service.to_owned(),
            });
            assert_eq!(checked.await.is_ok(), known, "{service}");
        }
        ((), ReturnRequest::default())
    };
    let ((), end) = build(&daemon, NOWHERE, story);
    end.unwrap();
    assert_eq!(daemon.docker("ps -aq").ok(), "");
}
