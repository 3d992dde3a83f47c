//! Keys of copies whose files did not change since.
//!
//! Whoever brings a context's files sees whether any is different. If none is, the key of a COPY is what it was, and no
//! file needs to be looked at again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gantry_reference::Digest;

use super::{Job, Origin};
use crate::files::Fingerprint;

/// More are forgotten; 64 bytes of digests each.
const MOST: usize = 4096;

/// The keys of copies, by what was asked and the context's state.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(Mutex<HashMap<Digest, Digest>>);

impl KnownKeys {
    /// The key of this copy, if it was found out before.
    pub(crate) fn get(&self, asked: Option<&Digest>) -> Option<Digest> {
        self.lock().get(asked?).cloned()
    }

    /// Remembers.
    pub(crate) fn learn(&self, asked: Option<Digest>, key: &Digest) {
        let Some(asked) = asked else { return };
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(asked, key.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// All that the key depends on, where the context's state stands for its files.
    pub(crate) fn asked(&self) -> Option<Digest> {
        let Some(Origin::Context(context)) = &self.origin else {
            return None;
        };
        let state = context.state?;
        if !self.fetched.is_empty() {
            return None;
        }
        let mut print = Fingerprint::new("copy from a state 1");
        print.add(state.to_le_bytes());
        print.add(format!("{:?}", context.ignore));
        print.all(&self.paths).all(&self.exclude);
        print.add(&self.destination);
        print.add(format!(
            "{:?} {:?} {:?}",
            self.inline, self.chown, self.chmod
        ));
        print.add(format!("{} {:?}", self.parents, self.unpack));
        match &self.below {
            Some((layers, _)) => print.all(layers.iter().map(Digest::as_str)),
            None => print.add("on nothing"),
        };
        Some(print.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;
    use gantry_dockerfile::Ignore;
    use std::sync::Arc;

    fn asked(state: Option<u64>, ignore: &str, change: impl FnOnce(&mut Job)) -> Option<Digest> {
        let folder = tempfile::tempdir().unwrap();
        let ignore = Ignore::parse(ignore.as_bytes()).unwrap();
        let path = folder.path().to_owned();
        let mut context = Context::new(path, ignore, folder).unwrap();
        context.state = state;
        let mut job = Job::of_all(Origin::Context(Arc::new(context)), "/");
        change(&mut job);
        job.asked()
    }

    #[test]
    fn whatever_is_asked_differently_is_another_question() {
        let same = asked(Some(1), "", |_| {});
        assert!(same.is_some());
        assert_eq!(asked(Some(1), "", |_| {}), same);
        assert_eq!(asked(None, "", |_| {}), None);
        let others = [
            asked(Some(2), "", |_| {}),
            asked(Some(1), "*.o", |_| {}),
            asked(Some(1), "", |job| job.paths.push("a".into())),
            asked(Some(1), "", |job| job.exclude.push("a".into())),
            asked(Some(1), "", |job| job.destination.push('a')),
            asked(Some(1), "", |job| job.chmod = Some("755".into())),
            asked(Some(1), "", |job| job.parents = true),
            asked(Some(1), "", |job| job.unpack.0 = true),
        ];
        for (at, other) in others.iter().enumerate() {
            assert!(other.is_some() && *other != same, "{at}");
        }
    }
}
