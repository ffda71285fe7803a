//! Which addresses may be reached.
//!
//! A name is judged by the addresses it resolves to, at the moment of connecting, so that a name which is public when
//! it is saved and private when it is used gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Origin, Url};

/// Says which addresses may be reached: public ones, and the origins the operator named.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    trusted: Vec<Origin>,
}

impl Guard {
    /// Public addresses only.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Also the origin of `url`, wherever it is. Only for URLs that come from the operator, never from a caller.
    /// What is no `http` or `https` URL adds nothing.
    #[must_use]
    pub fn trusting(mut self, url: &str) -> Self {
        let origin = Url::parse(url).map(|url| url.origin());
        self.trusted
            .extend(origin.into_iter().filter(Origin::is_tuple));
        self
    }

    /// Public addresses, and the origins of these URLs of the operator's.
    #[must_use]
    pub fn public_and<'a>(operators_urls: impl IntoIterator<Item = &'a String>) -> Self {
        operators_urls
            .into_iter()
            .fold(Self::public(), |guard, url| guard.trusting(url))
    }

    pub(super) fn trusts(&self, url: &Url) -> bool {
        self.trusted.contains(&url.origin())
    }
}

/// An address inside a network was about to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not a public one")
    }
}

impl std::error::Error for Forbidden {}

/// Refuses a URL that names an address directly: such a URL never passes the resolver.
pub(super) fn check_literal(url: &Url) -> Result<(), Forbidden> {
    let address: Option<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) | None => None,
    };
    match address {
        Some(address) if !is_public(address) => Err(Forbidden),
        _ => Ok(()),
    }
}

/// Resolves names, and refuses those of which any address is not public.
pub(super) struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(Forbidden.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reachable by the whole internet, as far as its number tells.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local() // 169.254/16, where clouds answer with their machine's credentials
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, and some clouds' metadata
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)) // benchmarks
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, ..] = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    // Two ways of carrying an IPv4 address inside: NAT64 and 6to4.
    if (a, b) == (0x64, 0xff9b) {
        let [.., g, h] = address.segments();
        return (c, d) == (0, 0) && is_public_v4(Ipv4Addr::from(u32::from(g) << 16 | u32::from(h)));
    }
    if a == 0x2002 {
        return is_public_v4(Ipv4Addr::from(u32::from(b) << 16 | u32::from(c)));
    }
    // Only 2000::/3 is given out; inside it, what is kept for documents, tunnels and tests is not.
    (a & 0xe000) == 0x2000
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_a_network_are_told_from_public_ones() {
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "198.18.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.63.0.1",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_literal_address_is_judged_however_it_is_spelled() {
        for spelled in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
        ] {
            assert_eq!(
                check_literal(&Url::parse(spelled).unwrap()),
                Err(Forbidden),
                "{spelled}"
            );
        }
        assert_eq!(
            check_literal(&Url::parse("http://1.1.1.1/").unwrap()),
            Ok(())
        );
    }

    #[test]
    fn trust_is_given_to_an_origin_not_to_a_host() {
        let guard = Guard::public().trusting("http://127.0.0.1:4010/base");
        let trusts = |url: &str| guard.trusts(&Url::parse(url).unwrap());
        assert!(trusts("http://127.0.0.1:4010/v1/customers"));
        assert!(!trusts("http://127.0.0.1:5432/"));
        assert!(!trusts("https://127.0.0.1:4010/"));
        assert!(!trusts("http://localhost:4010/"));
    }
}
