//! All commands, a file each: `<group>/<verb>.rs`.

mod build;
mod checkpoint;
mod completion;
pub(crate) mod container;
mod context;
mod image;
mod manifest;
mod network;
mod objects;
mod plugin;
mod prune;
mod registry;
mod secret;
mod swarm;
mod system;
mod to_file;
mod trust;
mod volume;

use crate::command::{Entry, Group};

/// The groups of commands.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "builder",
        about: "Manage builds",
    },
    Group {
        name: "buildx",
        about: "Docker Buildx",
    },
    Group {
        name: "checkpoint",
        about: "Manage checkpoints",
    },
    Group {
        name: "container",
        about: "Manage containers",
    },
    Group {
        name: "context",
        about: "Manage contexts",
    },
    Group {
        name: "image",
        about: "Manage images",
    },
    Group {
        name: "manifest",
        about: "Manage Docker image manifests and manifest lists",
    },
    Group {
        name: "network",
        about: "Manage networks",
    },
    Group {
        name: "plugin",
        about: "Manage plugins",
    },
    Group {
        name: "secret",
        about: "Manage secrets",
    },
    Group {
        name: "system",
        about: "Manage Docker",
    },
    Group {
        name: "trust",
        about: "Manage trust on Docker images",
    },
    Group {
        name: "volume",
        about: "Manage volumes",
    },
];

/// Groups of commands that need a swarm.
pub(crate) const SWARM_GROUPS: &[Group] = &[
    Group {
        name: "config",
        about: "Manage Swarm configs",
    },
    Group {
        name: "node",
        about: "Manage Swarm nodes",
    },
    Group {
        name: "service",
        about: "Manage Swarm services",
    },
    Group {
        name: "stack",
        about: "Manage Swarm stacks",
    },
    Group {
        name: "swarm",
        about: "Manage Swarm",
    },
];

/// Groups within groups.
const INNER_GROUPS: &[Group] = &[
    Group {
        name: "builder cache-mount",
        about: "Carry caches of RUN --mount=type=cache from machine to machine",
    },
    Group {
        name: "buildx history",
        about: "Commands to work on build records",
    },
    Group {
        name: "trust key",
        about: "Manage keys for signing Docker images",
    },
    Group {
        name: "trust signer",
        about: "Manage entities who can sign Docker images",
    },
];

/// The group within a group, by both names.
pub(crate) fn inner_group(name: &str) -> Option<&'static Group> {
    INNER_GROUPS.iter().find(|group| group.name == name)
}

/// The groups within that group.
pub(crate) fn inner_groups(outer: &str) -> impl Iterator<Item = (&'static str, &'static Group)> {
    INNER_GROUPS.iter().filter_map(move |group| {
        let verb = group.name.strip_prefix(outer)?.strip_prefix(' ')?;
        Some((verb, group))
    })
}

/// All groups.
pub(crate) fn groups() -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().chain(SWARM_GROUPS)
}

/// All commands.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    ALL.iter()
        .chain(plugin::ENTRIES)
        .chain(swarm::ENTRIES)
        .chain(trust::ENTRIES)
}

/// The commands. Only the one that is called is ever looked into.
pub(crate) const ALL: &[Entry] = &[
    Entry::of::<build::run::Build>(&[
        "image build",
        "build",
        "builder build",
        "buildx build",
        "buildx b",
    ]),
    Entry::of::<build::cache_mount::Export>(&["builder cache-mount export"]),
    Entry::of::<build::cache_mount::Import>(&["builder cache-mount import"]),
    Entry::of::<build::cache_mount::List>(&["builder cache-mount ls"]),
    Entry::of::<build::cache_mount::Remove>(&["builder cache-mount rm"]),
    Entry::of::<build::du::DiskUsage>(&["buildx du"]),
    Entry::of::<build::history::Export>(&["buildx history export"]),
    Entry::of::<build::history::Inspect>(&["buildx history inspect"]),
    Entry::of::<build::history::Attachment>(&["buildx history inspect attachment"]),
    Entry::of::<build::history::List>(&["buildx history ls"]),
    Entry::of::<build::history::Logs>(&["buildx history logs"]),
    Entry::of::<build::history::Remove>(&["buildx history rm"]),
    Entry::of::<build::history::Trace>(&["buildx history trace"]),
    Entry::of::<build::inspect::Inspect>(&["buildx inspect"]),
    Entry::of::<build::ls::List>(&["buildx ls"]),
    Entry::of::<build::prune::Prune>(&["builder prune", "buildx prune"]),
    Entry::of::<completion::Completion>(&["completion"]),
    Entry::of::<checkpoint::Create>(&["checkpoint create"]),
    Entry::of::<checkpoint::List>(&["checkpoint ls", "checkpoint list"]),
    Entry::of::<checkpoint::Remove>(&["checkpoint rm", "checkpoint remove"]),
    Entry::of::<container::attach::Attach>(&["container attach", "attach"]),
    Entry::of::<container::commit::Commit>(&["container commit", "commit"]),
    Entry::of::<container::cp::Copy>(&["container cp", "cp"]),
    Entry::of::<container::create::Create>(&["container create", "create"]).with_help(),
    Entry::of::<container::diff::Diff>(&["container diff", "diff"]),
    Entry::of::<container::exec::Exec>(&["container exec", "exec"]),
    Entry::of::<container::export::Export>(&["container export", "export"]),
    Entry::of::<container::inspect::InspectContainer>(&["container inspect"]),
    Entry::of::<container::kill::Kill>(&["container kill", "kill"]),
    Entry::of::<container::logs::Logs>(&["container logs", "logs"]),
    Entry::of::<container::ls::List>(&["container ls", "container list", "container ps", "ps"]),
    Entry::of::<container::pause::Pause>(&["container pause", "pause"]),
    Entry::of::<container::port::Port>(&["container port", "port"]),
    Entry::of::<container::prune::Prune>(&["container prune"]),
    Entry::of::<container::rename::Rename>(&["container rename", "rename"]),
    Entry::of::<container::restart::Restart>(&["container restart", "restart"]),
    Entry::of::<container::rm::Remove>(&["container rm", "container remove", "rm"]),
    Entry::of::<container::run::Run>(&["container run", "run"]).with_help(),
    Entry::of::<container::start::Start>(&["container start", "start"]),
    Entry::of::<container::stats::Stats>(&["container stats", "stats"]),
    Entry::of::<container::stop::Stop>(&["container stop", "stop"]),
    Entry::of::<container::top::Top>(&["container top", "top"]),
    Entry::of::<container::unpause::Unpause>(&["container unpause", "unpause"]),
    Entry::of::<container::update::Update>(&["container update", "update"]),
    Entry::of::<container::wait::Wait>(&["container wait", "wait"]),
    Entry::of::<context::create::Create>(&["context create"]),
    Entry::of::<context::export::Export>(&["context export"]),
    Entry::of::<context::import::Import>(&["context import"]),
    Entry::of::<context::inspect::InspectContext>(&["context inspect"]),
    Entry::of::<context::ls::List>(&["context ls", "context list"]),
    Entry::of::<context::rm::Remove>(&["context rm", "context remove"]),
    Entry::of::<context::show::Show>(&["context show"]),
    Entry::of::<context::update::Update>(&["context update"]),
    Entry::of::<context::use_::Use>(&["context use"]),
    Entry::of::<image::history::History>(&["image history", "history"]),
    Entry::of::<image::import::Import>(&["image import", "import"]),
    Entry::of::<image::inspect::InspectImage>(&["image inspect"]),
    Entry::of::<image::load::Load>(&["image load", "load"]),
    Entry::of::<image::ls::List>(&["image ls", "image list", "images"]),
    Entry::of::<image::prune::Prune>(&["image prune"]),
    Entry::of::<image::pull::Pull>(&["image pull", "pull"]),
    Entry::of::<image::push::Push>(&["image push", "push"]),
    Entry::of::<image::rm::Remove>(&["image rm", "image remove", "rmi"]),
    Entry::of::<image::save::Save>(&["image save", "save"]),
    Entry::of::<image::search::Search>(&["search"]),
    Entry::of::<image::tag::Tag>(&["image tag", "tag"]),
    Entry::of::<manifest::annotate::Annotate>(&["manifest annotate"]),
    Entry::of::<manifest::create::CreateList>(&["manifest create"]),
    Entry::of::<manifest::inspect::InspectManifest>(&["manifest inspect"]),
    Entry::of::<manifest::push::PushList>(&["manifest push"]),
    Entry::of::<manifest::rm::RemoveList>(&["manifest rm"]),
    Entry::of::<network::connect::Connect>(&["network connect"]),
    Entry::of::<network::create::Create>(&["network create"]),
    Entry::of::<network::disconnect::Disconnect>(&["network disconnect"]),
    Entry::of::<network::inspect::InspectNetwork>(&["network inspect"]),
    Entry::of::<network::ls::List>(&["network ls", "network list"]),
    Entry::of::<network::prune::Prune>(&["network prune"]),
    Entry::of::<network::rm::Remove>(&["network rm", "network remove"]),
    Entry::of::<registry::login::Login>(&["login"]),
    Entry::of::<registry::logout::Logout>(&["logout"]),
    Entry::of::<secret::create::Create>(&["secret create"]),
    Entry::of::<secret::inspect::InspectSecret>(&["secret inspect"]),
    Entry::of::<secret::ls::List>(&["secret ls", "secret list"]),
    Entry::of::<secret::rm::Remove>(&["secret rm", "secret remove"]),
    Entry::of::<system::df::DiskFree>(&["system df"]),
    Entry::of::<system::dial_stdio::DialStdio>(&["system dial-stdio"]),
    Entry::of::<system::events::Events>(&["system events", "events"]),
    Entry::of::<system::info::Info>(&["system info", "info"]),
    Entry::of::<system::inspect::Inspect>(&["inspect"]),
    Entry::of::<system::prune::Prune>(&["system prune"]),
    Entry::of::<system::version::Version>(&["version"]),
    Entry::of::<volume::clone::Clone>(&["volume clone"]),
    Entry::of::<volume::create::Create>(&["volume create"]),
    Entry::of::<volume::export::Export>(&["volume export"]),
    Entry::of::<volume::import::Import>(&["volume import"]),
    Entry::of::<volume::inspect::InspectVolume>(&["volume inspect"]),
    Entry::of::<volume::ls::List>(&["volume ls", "volume list"]),
    Entry::of::<volume::prune::Prune>(&["volume prune"]),
    Entry::of::<volume::rename::Rename>(&["volume rename"]),
    Entry::of::<volume::restore::Restore>(&["volume restore"]),
    Entry::of::<volume::rm::Remove>(&["volume rm", "volume remove"]),
    Entry::of::<volume::snapshot::Snapshot>(&["volume snapshot"]),
    Entry::of::<volume::update::Update>(&["volume update"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_name_and_every_option_is_unique() {
        let mut paths: Vec<&str> = entries().flat_map(|entry| entry.paths).copied().collect();
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count);
        for entry in entries() {
            let flags = (entry.flags)();
            let mut names: Vec<&str> = flags
                .iter()
                .flat_map(|flag| flag.aliases.iter().copied().chain([flag.long]))
                .collect();
            let mut letters: Vec<char> = flags.iter().filter_map(|flag| flag.short).collect();
            let (all_names, all_letters) = (names.len(), letters.len());
            names.sort_unstable();
            names.dedup();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(
                (names.len(), letters.len()),
                (all_names, all_letters),
                "{:?}",
                entry.paths
            );
        }
    }
}
