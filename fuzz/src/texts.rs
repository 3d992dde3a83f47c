//! Names, digests and the grammars of flags.

use gantry_reference::{Digest, Pattern, Reference, Selector};
use gantry_units as units;

/// References: one that is read and written is read as the same.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(reference) = Reference::parse(text) {
        let again = Reference::parse(&reference.to_string()).expect("reads what it wrote");
        assert_eq!(again, reference);
    }
    let _ = Digest::parse(text);
    let _ = Selector::parse(text);
    if let Ok(pattern) = Pattern::parse(text) {
        let _ = pattern.matches_text(text);
    }
}

/// Every grammar of a flag.
pub fn units(bytes: &[u8]) {
    let _ = units::parse_env_file(bytes, |_| None);
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let _ = units::parse_cpus(text);
    let _ = units::csv_fields(text);
    let _ = units::parse_ram(text);
    let _ = units::parse_size(text);
    let _ = units::parse_expose(text);
    let _ = units::parse_publish(text);
    let _ = text.parse::<units::GoDuration>();
    let _ = text.parse::<units::CpuSet>();
    let _ = text.parse::<units::DetachKeys>();
    let _ = text.parse::<units::Device>();
    let _ = text.parse::<units::DeviceRule>();
    let _ = text.parse::<units::DeviceRate>();
    let _ = text.parse::<units::DeviceWeight>();
    let _ = text.parse::<units::ExtraHost>();
    let _ = text.parse::<units::MountSpec>();
    let _ = text.parse::<units::NetworkMode>();
    let _ = text.parse::<units::RestartPolicy>();
    let _ = text.parse::<units::Signal>();
    let _ = text.parse::<units::Ulimit>();
    let _ = text.parse::<units::VolumeSpec>();
    let _ = units::check_container_name(text);
}
