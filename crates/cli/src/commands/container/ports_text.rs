//! Ports as `ps` shows them: `0.0.0.0:8080->80/tcp, 443/tcp`.

use gantry_api_types::Port;

/// A run of ports that follow each other.
struct Group {
    ip: String,
    kind: String,
    first: u16,
    last: u16,
}

/// Ports in Docker's order, neighbours joined to ranges.
pub(crate) fn ports_text(ports: &[Port]) -> String {
    let mut ports: Vec<&Port> = ports.iter().collect();
    ports.sort_by(|a, b| {
        (a.private_port, &a.ip, a.public_port, &a.kind).cmp(&(
            b.private_port,
            &b.ip,
            b.public_port,
            &b.kind,
        ))
    });
    let (mut finished, mut mappings) = (Vec::new(), Vec::new());
    let mut groups: Vec<Group> = Vec::new();
    for port in ports {
        // Only a port that keeps its number can be part of a range.
        if !port.ip.is_empty() && port.public_port != port.private_port {
            let host = host_port(&port.ip, &port.public_port.to_string());
            mappings.push(format!("{host}->{}/{}", port.private_port, port.kind));
            continue;
        }
        let current = port.private_port;
        match groups
            .iter_mut()
            .find(|group| group.ip == port.ip && group.kind == port.kind)
        {
            Some(group) if group.last.checked_add(1) == Some(current) => group.last = current,
            Some(group) => {
                finished.push(text(group));
                (group.first, group.last) = (current, current);
            }
            None => groups.push(Group {
                ip: port.ip.clone(),
                kind: port.kind.clone(),
                first: current,
                last: current,
            }),
        }
    }
    finished.extend(groups.iter().map(text));
    finished.extend(mappings);
    finished.join(", ")
}

fn text(group: &Group) -> String {
    let range = if group.first == group.last {
        group.first.to_string()
    } else {
        format!("{}-{}", group.first, group.last)
    };
    if group.ip.is_empty() {
        return format!("{range}/{}", group.kind);
    }
    format!("{}->{range}/{}", host_port(&group.ip, &range), group.kind)
}

fn host_port(ip: &str, port: &str) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, private_port: u16, public_port: u16, kind: &str) -> Port {
        Port {
            ip: ip.to_owned(),
            private_port,
            public_port,
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn ports_look_as_docker_shows_them() {
        assert_eq!(ports_text(&[port("", 80, 0, "tcp")]), "80/tcp");
        assert_eq!(
            ports_text(&[
                port("0.0.0.0", 80, 8080, "tcp"),
                port("::", 80, 8080, "tcp"),
                port("", 443, 0, "tcp")
            ]),
            "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        );
        assert_eq!(
            ports_text(&[
                port("0.0.0.0", 81, 81, "udp"),
                port("0.0.0.0", 80, 80, "udp"),
                port("0.0.0.0", 83, 83, "udp")
            ]),
            "0.0.0.0:80-81->80-81/udp, 0.0.0.0:83->83/udp"
        );
    }
}
