//! Idmapped mounts: files seem to belong to somebody else than on the disk.
//!
//! `uid=U` makes the source's owner and U change places: what belongs to the source's owner is
//! U's inside, what U makes inside is the owner's outside, and everybody else stays who they are.
//! `idmap=` gives the ranges themselves, as podman does.

use gantry_oci::IdMapping;
use serde::{Deserialize, Serialize};

/// Whom the files of a mount shall seem to belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Owners {
    uid: Option<u32>,
    gid: Option<u32>,
    id_map: String,
}

/// What the kernel needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mappings {
    pub(crate) users: Vec<IdMapping>,
    pub(crate) groups: Vec<IdMapping>,
}

impl Owners {
    /// Reads and checks them; nothing given is `None`.
    pub(super) fn read(
        uid: Option<u32>,
        gid: Option<u32>,
        id_map: &str,
    ) -> Result<Option<Self>, String> {
        if uid.is_none() && gid.is_none() && id_map.is_empty() {
            return Ok(None);
        }
        if !id_map.is_empty() {
            if uid.is_some() || gid.is_some() {
                return Err("idmap and uid or gid exclude one another".to_owned());
            }
            parse(id_map)?;
        }
        if uid == Some(u32::MAX) || gid == Some(u32::MAX) {
            return Err("uid and gid must be below 4294967295".to_owned());
        }
        Ok(Some(Self {
            uid,
            gid,
            id_map: id_map.to_owned(),
        }))
    }

    /// The maps for a source that belongs to `owner`.
    pub(super) fn mappings(&self, owner: (u32, u32)) -> Result<Mappings, String> {
        if !self.id_map.is_empty() {
            return parse(&self.id_map);
        }
        Ok(Mappings {
            users: swap(owner.0, self.uid.unwrap_or(owner.0)),
            groups: swap(owner.1, self.gid.unwrap_or(owner.1)),
        })
    }
}

/// Everybody stays, but two change places.
fn swap(one: u32, other: u32) -> Vec<IdMapping> {
    let (low, high) = (one.min(other), one.max(other));
    // From, to and how many, in the order of the first.
    let all = u32::MAX;
    let ranges = if low == high {
        vec![(0, 0, all)]
    } else {
        vec![
            (0, 0, low),
            (low, high, 1),
            (low + 1, low + 1, high - low - 1),
            (high, low, 1),
            (high + 1, high + 1, all - high - 1),
        ]
    };
    ranges
        .into_iter()
        .filter(|(_, _, size)| *size > 0)
        .map(|(container_id, host_id, size)| IdMapping {
            container_id,
            host_id,
            size,
        })
        .collect()
}

/// `uids=DISK-INSIDE-COUNT[#...];gids=...`; either alone holds for both.
fn parse(text: &str) -> Result<Mappings, String> {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for part in text.split(';') {
        match part.split_once('=') {
            Some(("uids", ranges)) => users = self::ranges(ranges, text)?,
            Some(("gids", ranges)) => groups = self::ranges(ranges, text)?,
            _ => return Err(wrong(text)),
        }
    }
    if users.is_empty() {
        users.clone_from(&groups);
    }
    if groups.is_empty() {
        groups.clone_from(&users);
    }
    Ok(Mappings { users, groups })
}

fn ranges(text: &str, whole: &str) -> Result<Vec<IdMapping>, String> {
    text.split('#')
        .map(|range| {
            let numbers: Option<Vec<u32>> = range.split('-').map(|n| n.parse().ok()).collect();
            match numbers.as_deref() {
                Some(&[container_id, host_id, size]) if size > 0 => Ok(IdMapping {
                    container_id,
                    host_id,
                    size,
                }),
                _ => Err(wrong(whole)),
            }
        })
        .collect()
}

fn wrong(text: &str) -> String {
    format!(
        "invalid idmap '{text}': expected uids=DISK-INSIDE-COUNT[#...];gids=DISK-INSIDE-COUNT[#...]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(ranges: &[IdMapping]) -> Vec<String> {
        let one = |m: &IdMapping| format!("{} {} {}", m.container_id, m.host_id, m.size);
        ranges.iter().map(one).collect()
    }

    #[test]
    fn two_change_places_and_nobody_is_lost() {
        assert_eq!(as_text(&swap(5, 5)), ["0 0 4294967295"]);
        assert_eq!(
            as_text(&swap(1000, 0)),
            ["0 1000 1", "1 1 999", "1000 0 1", "1001 1001 4294966294"]
        );
        for (one, other) in [(0, 1), (7, 3), (0, u32::MAX - 1)] {
            let total: u64 = swap(one, other).iter().map(|m| u64::from(m.size)).sum();
            assert_eq!(total, u64::from(u32::MAX));
        }
    }

    #[test]
    fn ranges_are_read() {
        let maps = parse("uids=0-1000-10#20-30-1;gids=0-5-1").unwrap();
        assert_eq!(as_text(&maps.users), ["0 1000 10", "20 30 1"]);
        assert_eq!(as_text(&maps.groups), ["0 5 1"]);
        assert_eq!(parse("uids=0-1-1").unwrap().groups.len(), 1);
        for bad in ["", "x", "uids=", "uids=1-2", "uids=1-2-0", "uids=a-b-c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Owners::read(Some(1), None, "uids=0-1-1").is_err());
        assert_eq!(Owners::read(None, None, ""), Ok(None));
    }
}
