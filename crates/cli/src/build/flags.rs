//! The options of `build`.

use gantry_units::Ulimit;

use crate::flags::{Bytes, Named, Strings, TypedList, flags};

/// Texts, one for each time, of which commas are a part.
pub(crate) type Texts = TypedList<String, TextArray>;
/// Ulimits.
pub(crate) type Ulimits = TypedList<Ulimit, UlimitName>;

/// The name of [`Texts`] in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextArray;

impl Named for TextArray {
    const NAME: &'static str = "stringArray";
}

/// The name of [`Ulimits`] in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UlimitName;

impl Named for UlimitName {
    const NAME: &'static str = "ulimit";
}

flags! {
    /// The options of `build`.
    pub(crate) struct BuildFlags {
        /// Add a custom host-to-IP mapping (format: "host:ip")
        "add-host" => add_host: Strings,
        /// Allow extra privileged entitlement (e.g., "network.host", "security.insecure",
        /// "device")
        "allow" => allow: Texts,
        /// Add annotation to the image
        "annotation" => annotation: Texts,
        /// Attestation parameters (format: "type=sbom,generator=image")
        "attest" => attest: Texts,
        /// Set build-time variables
        "build-arg" => build_arg: Texts,
        /// Additional build contexts (e.g., name=path)
        "build-context" => build_context: Texts,
        /// Override the configured builder instance
        "builder" => builder: String,
        /// External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")
        "cache-from" => cache_from: Texts,
        /// Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")
        "cache-to" => cache_to: Texts,
        /// Set method for evaluating build ("check", "outline", "targets")
        "call" => call: String = "build".to_owned(); "\"build\"",
        /// Set the parent cgroup for the "RUN" instructions during build
        "cgroup-parent" => cgroup_parent: String,
        /// Shorthand for "--call=check"
        "check" => check: bool,
        /// Open a shell in the step that fails
        "debug" => debug: bool,
        /// Name of the Dockerfile (default: "PATH/Dockerfile")
        "file" 'f' => file: String,
        /// Command to run in the step that fails, in place of a shell
        "invoke" => invoke: String,
        /// Write the image ID to a file
        "iidfile" => iidfile: String,
        /// Set metadata for an image
        "label" => label: Texts,
        /// Shorthand for "--output=type=docker"
        "load" => load: bool,
        /// Write build result metadata to a file
        "metadata-file" => metadata_file: String,
        /// Set the networking mode for the "RUN" instructions during build
        "network" => network: String = "default".to_owned(); "\"default\"",
        /// Do not use cache when building the image
        "no-cache" => no_cache: bool,
        /// Do not cache specified stages
        "no-cache-filter" => no_cache_filter: Texts,
        /// Output destination (format: "type=local,dest=path")
        "output" 'o' => output: Texts,
        /// Set target platform for build
        "platform" => platform: Texts,
        /// Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty"). Use
        /// plain to show container output
        "progress" => progress: String; "\"auto\"",
        /// Shorthand for "--attest=type=provenance"
        "provenance" => provenance: String,
        /// Always attempt to pull all referenced images
        "pull" => pull: bool,
        /// Shorthand for "--output=type=registry"
        "push" => push: bool,
        /// Suppress the build output and print image ID on success
        "quiet" 'q' => quiet: bool,
        /// Shorthand for "--attest=type=sbom"
        "sbom" => sbom: String,
        /// Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")
        "secret" => secret: Texts,
        /// Shared memory size for build containers
        "shm-size" => shm_size: Bytes,
        /// SSH agent socket or keys to expose to the build (format:
        /// "default|<id>[=<socket>|<key>[,<key>]]")
        "ssh" => ssh: Texts,
        /// Image identifier (format: "[registry/]repository[:tag]")
        "tag" 't' => tag: Texts,
        /// Set the target build stage to build
        "target" => target: String,
        /// Ulimit options
        "ulimit" => ulimit: Ulimits,
        // Of the classic builder; removing containers of steps is what is always done.
        "rm" => remove: bool = true,
        "force-rm" => force_remove: bool,
        "compress" => compress: bool,
    }
}
