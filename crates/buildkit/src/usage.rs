//! What the cache takes, as clients list and prune it.

use std::time::{Duration, SystemTime};

use gantry_builder::{CacheRecord, PruneOptions, Space};
use tonic::Status;

use crate::Server;
use crate::local::Kept;
use crate::proto::google::protobuf::Timestamp;
use crate::proto::moby::buildkit::v1::{PruneRequest, UsageRecord};

impl Server {
    /// All records that fit, and that were not used for so long.
    pub(crate) async fn usage(
        &self,
        filters: &[String],
        unused_for: Duration,
    ) -> Result<Vec<UsageRecord>, Status> {
        let server = self.clone();
        let all = tokio::task::spawn_blocking(move || {
            let mut all = server.builder.usage()?;
            all.extend(server.locals.kept().into_iter().map(local));
            Ok::<_, gantry_builder::Error>(all)
        });
        let all = all
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| Status::internal(error.to_string()))?;
        let given = filters.iter().filter(|text| !text.is_empty());
        let filters = given.map(|text| Filter::parse(text));
        let filters: Vec<Filter> = filters.collect::<Result<_, _>>()?;
        let now = SystemTime::now();
        let old = |record: &CacheRecord| {
            let passed = now.duration_since(record.used).unwrap_or_default();
            passed >= unused_for
        };
        let fit = all.into_iter().filter(old).map(told);
        // Several filters are alternatives.
        let fits = |record: &UsageRecord| {
            filters.is_empty() || filters.iter().any(|filter| filter.fits(record))
        };
        Ok(fit.filter(fits).collect())
    }

    /// Takes records away and tells which.
    pub(crate) async fn prune_cache(
        &self,
        request: PruneRequest,
    ) -> Result<Vec<UsageRecord>, Status> {
        let options = options(&request)?;
        let before = self.usage(&[], Duration::ZERO).await?;
        let pruned = self.builder.prune(&options).await;
        let pruned = pruned.map_err(|error| Status::internal(error.to_string()))?;
        // Bounds and names are about layers and caches of commands.
        let local = |kind: &String| kind == "source.local";
        let meant = options.space.is_unbounded()
            && options.ids.is_empty()
            && (options.kinds.is_empty() || options.kinds.iter().any(local));
        let folders = if meant {
            self.prune_locals(options.older_than).await
        } else {
            Vec::new()
        };
        let gone = |record: &UsageRecord| {
            pruned.deleted.contains(&record.id) || folders.contains(&record.id)
        };
        Ok(before.into_iter().filter(gone).collect())
    }
}

/// What a client wants to have pruned.
fn options(request: &PruneRequest) -> Result<PruneOptions, Status> {
    let bytes = |number: i64| u64::try_from(number).unwrap_or_default();
    let age = Duration::from_nanos(bytes(request.keep_duration));
    let mut options = PruneOptions {
        all: request.all,
        older_than: Some(age).filter(|age| !age.is_zero()),
        space: Space {
            reserved: bytes(request.reserved_space),
            max_used: bytes(request.max_used_space),
            min_free: bytes(request.min_free_space),
        },
        ..PruneOptions::default()
    };
    for filter in request.filter.iter().filter(|text| !text.is_empty()) {
        // As containerd writes filters: `type==regular`, `id~=...`.
        match filter.split_once(['=', '~']) {
            Some(("type", kind)) => options.kinds.push(value(kind)),
            Some(("id", id)) => options.ids.push(value(id)),
            _ => {
                return Err(Status::unimplemented(format!(
                    "pruning by the filter {filter} is not supported: use id, type or until"
                )));
            }
        }
    }
    Ok(options)
}

fn value(text: &str) -> String {
    text.trim_start_matches(['=', '^'])
        .trim_matches('"')
        .to_owned()
}

impl Server {
    /// Removes the folders of clients that no build uses, and that were not used for so long.
    async fn prune_locals(&self, unused_for: Option<Duration>) -> Vec<String> {
        let server = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let now = SystemTime::now();
            let old = |used: SystemTime| {
                unused_for.is_none_or(|age| now.duration_since(used).is_ok_and(|p| p >= age))
            };
            let kept = server.locals.kept().into_iter();
            kept.filter(|kept| old(kept.used) && server.locals.forget(&kept.name))
                .map(|kept| kept.name)
                .collect()
        });
        work.await.unwrap_or_default()
    }
}

/// A client's folder as a record of the cache.
fn local(kept: Kept) -> CacheRecord {
    CacheRecord {
        id: kept.name,
        kind: "source.local",
        description: "a client's folder, kept for its next build".to_owned(),
        size: kept.size,
        created: kept.created,
        used: kept.used,
        uses: kept.uses,
        shared: false,
    }
}

fn told(record: CacheRecord) -> UsageRecord {
    UsageRecord {
        id: record.id,
        size: i64::try_from(record.size).unwrap_or(i64::MAX),
        last_used_at: Some(timestamp(record.used)),
        created_at: Some(timestamp(record.created)),
        usage_count: i64::try_from(record.uses).unwrap_or(i64::MAX),
        description: record.description,
        record_type: record.kind.to_owned(),
        shared: record.shared,
        ..UsageRecord::default()
    }
}

/// A time on the wire.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

/// `type==regular`, `id~=^a`, `shared`, ...; several, with commas between, must all fit.
struct Filter(Vec<(String, Test)>);

enum Test {
    Is(String),
    IsNot(String),
    Matches(regex_lite::Regex),
    Present,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Status> {
        let one = |part: &str| {
            let (name, test) = if let Some((name, value)) = part.split_once("==") {
                (name, Test::Is(value.to_owned()))
            } else if let Some((name, value)) = part.split_once("!=") {
                (name, Test::IsNot(value.to_owned()))
            } else if let Some((name, value)) = part.split_once("~=") {
                let regex = regex_lite::Regex::new(value);
                let bad = |error| Status::invalid_argument(format!("the filter {part}: {error}"));
                (name, Test::Matches(regex.map_err(bad)?))
            } else {
                (part, Test::Present)
            };
            let known = [
                "id",
                "type",
                "description",
                "inuse",
                "mutable",
                "immutable",
                "shared",
                "private",
                "parents",
            ];
            if !known.contains(&name) {
                return Err(Status::invalid_argument(format!("no filter {name:?}")));
            }
            Ok((name.to_owned(), test))
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }

    fn fits(&self, record: &UsageRecord) -> bool {
        self.0.iter().all(|(name, test)| {
            let value = match name.as_str() {
                "id" => record.id.clone(),
                "type" => record.record_type.clone(),
                "description" => record.description.clone(),
                "inuse" => flag(record.in_use),
                "mutable" => flag(record.mutable),
                "immutable" => flag(!record.mutable),
                "shared" => flag(record.shared),
                "private" => flag(!record.shared),
                _ => record.parents.join(";"),
            };
            match test {
                Test::Is(wanted) => value == *wanted,
                Test::IsNot(other) => value != *other,
                Test::Matches(regex) => regex.is_match(&value),
                Test::Present => !value.is_empty(),
            }
        })
    }
}

fn flag(set: bool) -> String {
    if set {
        "true".to_owned()
    } else {
        String::new()
    }
}
