//! Docker's profile format: the runtime-spec's filter with conditions on when a rule is in it.

use gantry_oci::{Seccomp, SeccompArg, SeccompRule};
use serde::Deserialize;

use crate::{Error, KernelVersion};

/// The machine's architecture by the names of Go, which profiles use in their conditions.
const GO_ARCHITECTURE: &str = "amd64";
/// The same by libseccomp's name.
const ARCHITECTURE: &str = "SCMP_ARCH_X86_64";

/// A profile as Docker's JSON writes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    #[serde(deserialize_with = "null_is_empty")]
    architectures: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    arch_map: Vec<ArchMap>,
    #[serde(deserialize_with = "null_is_empty")]
    flags: Vec<String>,
    listener_path: String,
    #[serde(deserialize_with = "null_is_empty")]
    syscalls: Vec<Rule>,
}

/// An architecture and those whose programs its kernel runs too.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ArchMap {
    architecture: String,
    #[serde(deserialize_with = "null_is_empty")]
    sub_architectures: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    name: String,
    #[serde(deserialize_with = "null_is_empty")]
    names: Vec<String>,
    action: String,
    errno_ret: Option<u32>,
    #[serde(deserialize_with = "null_is_empty")]
    args: Vec<SeccompArg>,
    #[serde(deserialize_with = "null_is_empty")]
    includes: Filter,
    #[serde(deserialize_with = "null_is_empty")]
    excludes: Filter,
}

/// When a rule is in the filter, or not in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(deserialize_with = "null_is_empty")]
    caps: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Profile {
    /// Reads a profile.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let profile: Self = serde_json::from_str(json)?;
        if !profile.architectures.is_empty() && !profile.arch_map.is_empty() {
            return Err(Error::BothArchitectures);
        }
        if profile
            .syscalls
            .iter()
            .any(|rule| !rule.name.is_empty() && !rule.names.is_empty())
        {
            return Err(Error::BothNames);
        }
        if !profile.listener_path.is_empty() {
            return Err(Error::Notify);
        }
        Ok(profile)
    }

    /// The rules that hold for a container with these capabilities (`CAP_SYS_ADMIN`) on a kernel.
    ///
    /// Without a default action and rules there is no filter, as Docker reads it.
    pub fn resolve(
        &self,
        capabilities: &[impl AsRef<str>],
        kernel: KernelVersion,
    ) -> Result<Seccomp, Error> {
        let has = |cap: &String| capabilities.iter().any(|c| c.as_ref() == cap);
        let mut syscalls = Vec::with_capacity(self.syscalls.len());
        for rule in &self.syscalls {
            if rule.includes.all_hold(has, kernel)? && !rule.excludes.any_holds(has, kernel)? {
                syscalls.push(rule.resolved());
            }
        }
        Ok(Seccomp {
            default_action: self.default_action.clone(),
            default_errno_ret: self.default_errno_ret,
            architectures: self.resolved_architectures(),
            flags: self.flags.clone(),
            syscalls,
        })
    }

    fn resolved_architectures(&self) -> Vec<String> {
        let mut architectures = self.architectures.clone();
        if let Some(map) = self
            .arch_map
            .iter()
            .find(|map| map.architecture == ARCHITECTURE)
        {
            architectures.push(map.architecture.clone());
            architectures.extend(map.sub_architectures.iter().cloned());
        }
        architectures
    }
}

impl Rule {
    fn resolved(&self) -> SeccompRule {
        let names = match self.name.as_str() {
            "" => self.names.clone(),
            name => vec![name.to_owned()],
        };
        SeccompRule {
            names,
            action: self.action.clone(),
            errno_ret: self.errno_ret,
            args: self.args.clone(),
        }
    }
}

impl Filter {
    /// For `includes`: every list that is given must be met.
    fn all_hold(
        &self,
        has: impl Fn(&String) -> bool,
        kernel: KernelVersion,
    ) -> Result<bool, Error> {
        Ok((self.arches.is_empty() || self.names_architecture())
            && self.caps.iter().all(has)
            && self.kernel_is_new_enough(kernel)?.unwrap_or(true))
    }

    /// For `excludes`: one thing that is met suffices.
    fn any_holds(
        &self,
        has: impl Fn(&String) -> bool,
        kernel: KernelVersion,
    ) -> Result<bool, Error> {
        Ok(self.names_architecture()
            || self.caps.iter().any(has)
            || self.kernel_is_new_enough(kernel)?.unwrap_or(false))
    }

    fn names_architecture(&self) -> bool {
        self.arches.iter().any(|arch| arch == GO_ARCHITECTURE)
    }

    fn kernel_is_new_enough(&self, kernel: KernelVersion) -> Result<Option<bool>, Error> {
        let Some(wanted) = &self.min_kernel else {
            return Ok(None);
        };
        Ok(Some(kernel >= wanted.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: KernelVersion = KernelVersion {
        major: 5,
        minor: 10,
    };

    const PROFILE: &str = r#"{
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": null}
        ],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": null, "includes": {}},
            {"name": "mount", "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
            {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.0"}},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
             "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390x"]}},
            {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64"]}},
            {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}}
        ]
    }"#;

    fn names(filter: &Seccomp) -> Vec<&str> {
        filter
            .syscalls
            .iter()
            .flat_map(|rule| &rule.names)
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn rules_depend_on_capabilities_architecture_and_kernel() {
        let profile = Profile::parse(PROFILE).unwrap();
        let filter = profile.resolve(&["CAP_CHOWN"], KERNEL).unwrap();
        assert_eq!(names(&filter), ["read", "ptrace", "clone3"]);
        assert_eq!(filter.syscalls[2].errno_ret, Some(38));
        assert_eq!(filter.architectures, ["SCMP_ARCH_X86_64"]);
        let filter = profile.resolve(&["CAP_SYS_ADMIN"], KERNEL).unwrap();
        assert_eq!(names(&filter), ["read", "mount", "ptrace"]);
    }

    #[test]
    fn contradictions_are_refused() {
        let both = r#"{"architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "x"}]}"#;
        assert!(matches!(
            Profile::parse(both),
            Err(Error::BothArchitectures)
        ));
        let both = r#"{"syscalls": [{"name": "a", "names": ["b"]}]}"#;
        assert!(matches!(Profile::parse(both), Err(Error::BothNames)));
        assert!(
            Profile::parse("{")
                .unwrap_err()
                .to_string()
                .starts_with("decoding seccomp")
        );
        let kernel = r#"{"syscalls": [{"name": "a", "includes": {"minKernel": "new"}}]}"#;
        assert!(
            Profile::parse(kernel)
                .unwrap()
                .resolve(&[""; 0], KERNEL)
                .is_err()
        );
    }

    #[test]
    fn an_empty_profile_is_no_filter() {
        assert!(
            Profile::parse("{}")
                .unwrap()
                .resolve(&[""; 0], KERNEL)
                .unwrap()
                .is_empty()
        );
    }
}
