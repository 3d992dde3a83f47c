//! Mounts of every type, and refusals.

use super::*;

fn read(text: &str) -> Result<Mount, String> {
    let plain = |s: &str| Ok(s.to_owned());
    let spec = MountSpec::new(text.to_owned());
    spec.and_then(|s| s.resolve(plain))
        .map_err(|p| p.to_string())
}

#[test]
fn every_type_with_its_options() {
    let bind = read("target=/src,from=build,source=/out,rw").expect("bind");
    assert!(!bind.read_only && bind.from.as_deref() == Some("build"));
    let cache = read("type=cache,id=x,dst=/c,sharing=locked,mode=0755,uid=1,gid=2,from=a,src=/s");
    let cache = cache.expect("cache");
    assert_eq!(
        (cache.mode, cache.uid, cache.gid),
        (Some(0o755), Some(1), Some(2))
    );
    assert_eq!(cache.sharing, Some(Sharing::Locked));
    assert!(!cache.read_only);
    assert_eq!(
        read("type=tmpfs,target=/t,size=10m").expect("tmpfs").size,
        Some(10 << 20)
    );
    let secret = read("type=secret,id=k,env=KEY,required,mode=0400").expect("secret");
    assert!(secret.required && secret.env.as_deref() == Some("KEY"));
    assert!(read("type=ssh").is_ok());
}

#[test]
fn refusals_say_what_is_wrong() {
    for (text, message) in [
        (
            "type=bidn",
            "unsupported mount type \"bidn\" (did you mean bind?)",
        ),
        (
            "target=/a,tpye=x",
            "unexpected key 'tpye' in 'tpye=x' (did you mean type?)",
        ),
        ("target", "invalid field 'target' must be a key=value pair"),
        (
            "required",
            "unexpected key 'required' for mount type 'bind'",
        ),
        ("size=1", "unexpected key 'size' for mount type 'bind'"),
        (
            "type=secret",
            "invalid secret mount. one of source, target required",
        ),
        (
            "mode=0700,target=/a",
            "mode not allowed for \"bind\" type mounts",
        ),
        (
            "type=tmpfs,sharing=shared",
            "invalid cache sharing set for tmpfs mount",
        ),
        (
            "from=$x",
            "'from' doesn't support variable expansion, define alias stage instead",
        ),
        ("ro=maybe", "invalid value for ro: maybe"),
    ] {
        assert_eq!(read(text).expect_err(text), message);
    }
}
