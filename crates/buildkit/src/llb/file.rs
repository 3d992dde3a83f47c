//! Changes of files.

use gantry_builder::Error;
use gantry_builder::operations::{CopyAction, FileAction, FileChange, Ground, Named, Ownership};

use crate::proto::pb::file_action::Action;
use crate::proto::pb::{self, ChownOpt, FileActionCopy, FileOp, UserOpt, user_opt};

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// Reads the actions of an operation that has so many inputs; gives what it is called, too.
pub(super) fn read(op: FileOp, inputs: usize) -> Result<(String, Vec<FileAction>), Error> {
    let mut names = Vec::new();
    let mut actions = Vec::new();
    for action in op.actions {
        let known = Known {
            inputs,
            actions: actions.len(),
        };
        let Some(what) = action.action else {
            return Err(Error::NotSupported(
                "a kind of file action that this version does not know".to_owned(),
            ));
        };
        let (name, change) = known.change(what)?;
        names.push(name);
        actions.push(FileAction {
            on: known.ground(action.input)?,
            from: known.ground(action.secondary_input)?,
            output: usize::try_from(action.output).ok(),
            change,
        });
    }
    Ok((names.join(", "), actions))
}

/// What an action can take from.
struct Known {
    inputs: usize,
    /// Those before it.
    actions: usize,
}

impl Known {
    fn ground(&self, number: i64) -> Result<Ground, Error> {
        match usize::try_from(number) {
            Err(_) if number == -1 => Ok(Ground::Nothing),
            Ok(number) if number < self.inputs => Ok(Ground::Input(number)),
            Ok(number) if number - self.inputs < self.actions => {
                Ok(Ground::Action(number - self.inputs))
            }
            _ => Err(Error::Invalid(format!(
                "a file action takes from {number}, which is neither an input nor an action before it"
            ))),
        }
    }

    fn change(&self, action: Action) -> Result<(String, FileChange), Error> {
        Ok(match action {
            Action::Copy(copy) => (
                format!("copy {} {}", copy.src, copy.dest),
                FileChange::Copy(self.copy(copy)?),
            ),
            Action::Mkfile(file) => (
                format!("mkfile {}", file.path),
                FileChange::MakeFile {
                    mode: bits(file.mode),
                    owner: self.owner(file.owner.as_ref())?,
                    time: seconds(file.timestamp),
                    path: file.path,
                    content: file.data,
                },
            ),
            Action::Mkdir(directory) => (
                format!("mkdir {}", directory.path),
                FileChange::MakeDirectory {
                    mode: bits(directory.mode),
                    parents: directory.make_parents,
                    owner: self.owner(directory.owner.as_ref())?,
                    time: seconds(directory.timestamp),
                    path: directory.path,
                },
            ),
            Action::Rm(removal) => (
                format!("rm {}", removal.path),
                FileChange::Remove {
                    may_be_missing: removal.allow_not_found,
                    pattern: removal.allow_wildcard && removal.path.contains(['*', '?', '[', '\\']),
                    path: removal.path,
                },
            ),
            Action::Symlink(link) => (
                format!("symlink {} -> {}", link.newpath, link.oldpath),
                FileChange::Link {
                    owner: self.owner(link.owner.as_ref())?,
                    time: seconds(link.timestamp),
                    target: link.oldpath,
                    path: link.newpath,
                },
            ),
        })
    }

    fn copy(&self, copy: FileActionCopy) -> Result<CopyAction, Error> {
        if copy.timestamp > 0 {
            return Err(Error::NotSupported(format!(
                "a time of its own for the copies of {}",
                copy.src
            )));
        }
        let mode = match (copy.mode_str.as_str(), copy.mode) {
            ("", mode) if mode >= 0 => Some(format!("{:o}", bits(mode))),
            ("", _) => None,
            (text, _) => Some(text.to_owned()),
        };
        Ok(CopyAction {
            owner: self.owner(copy.owner.as_ref())?,
            mode,
            source: copy.src,
            destination: copy.dest,
            follows_links: copy.follow_symlink,
            contents: copy.dir_copy_contents,
            unpack: copy.attempt_unpack_docker_compatibility,
            makes_parents: copy.create_dest_path,
            pattern: copy.allow_wildcard,
            may_fit_nothing: copy.allow_empty_wildcard,
            include: copy.include_patterns,
            exclude: copy.exclude_patterns,
            required: copy.required_paths,
        })
    }

    fn owner(&self, of: Option<&ChownOpt>) -> Result<Ownership, Error> {
        let Some(of) = of else {
            return Ok(Ownership::default());
        };
        Ok(Ownership {
            user: self.named(of.user.as_ref())?,
            group: self.named(of.group.as_ref())?,
        })
    }

    fn named(&self, of: Option<&UserOpt>) -> Result<Option<Named>, Error> {
        Ok(match of.and_then(|of| of.user.as_ref()) {
            None => None,
            Some(user_opt::User::ById(id)) => Some(Named::Id(*id)),
            Some(user_opt::User::ByName(pb::NamedUserOpt { name, input })) => {
                Some(Named::Name(name.clone(), self.ground(*input)?))
            }
        })
    }
}

fn bits(mode: i32) -> u32 {
    u32::try_from(mode).unwrap_or_default() & 0o7777
}

/// A time that is not said is 0, so that the same definition makes the same layer.
fn seconds(nanos: i64) -> i64 {
    nanos.max(0) / NANOS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_take_from_inputs_and_from_actions_before_them() {
        let action = |input, change| pb::FileAction {
            input,
            secondary_input: -1,
            output: 0,
            action: Some(change),
        };
        let directory = |path: &str| {
            Action::Mkdir(pb::FileActionMkDir {
                path: path.to_owned(),
                mode: 0o755,
                timestamp: -1,
                ..pb::FileActionMkDir::default()
            })
        };
        let op = |second| FileOp {
            actions: vec![
                action(0, directory("/a")),
                action(second, directory("/a/b")),
            ],
        };
        let (name, actions) = read(op(1), 1).unwrap();
        assert_eq!(name, "mkdir /a, mkdir /a/b");
        assert_eq!(actions[0].on, Ground::Input(0));
        assert_eq!(actions[1].on, Ground::Action(0));
        assert!(read(op(2), 1).is_err(), "an action cannot take from itself");
    }
}
