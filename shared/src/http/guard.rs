//! Which addresses may be reached.
//!
//! A name is judged by the addresses it resolves to, at the moment of connecting, so that a name which is public when
//! it is saved and private when it is used gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Origin, Url};

/// Says which addresses may be reached: public ones, the networks the operator allows, and the origins the operator named.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    trusted: Vec<Origin>,
    networks: Networks,
}

/// Networks that may be reached beside public addresses.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads networks such as `10.0.0.0/8` and single addresses, with commas between them.
    ///
    /// # Errors
    /// The first part that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network = |part: &str| {
            let part = part.trim();
            let parsed = part.parse::<IpNet>().ok();
            parsed
                .or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))
                .ok_or_else(|| part.to_owned())
        };
        Ok(Self(
            text.split(',').map(network).collect::<Result<_, _>>()?,
        ))
    }

    /// Whether an address may be reached: it is public, or in one of them.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        // An IPv4 address in IPv6's clothes is judged as what it reaches.
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether the host of a URL is inside one of them by its own words: an address, or `localhost` where loopback is.
    #[must_use]
    pub fn name(&self, url: &Url) -> bool {
        let inside = |address: IpAddr| {
            let address = address.to_canonical();
            self.0.iter().any(|network| network.contains(&address))
        };
        match url.host() {
            Some(Host::Ipv4(address)) => inside(address.into()),
            Some(Host::Ipv6(address)) => inside(address.into()),
            Some(Host::Domain("localhost")) => inside(Ipv4Addr::LOCALHOST.into()),
            Some(Host::Domain(_)) | None => false,
        }
    }

    /// Refuses a URL that names an address directly: such a URL never passes the resolver.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), Forbidden> {
        let address: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        match address {
            Some(address) if !self.allow(address) => Err(Forbidden),
            _ => Ok(()),
        }
    }
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

    /// Also these networks of the operator's.
    #[must_use]
    pub fn allowing(mut self, networks: Networks) -> Self {
        self.networks = networks;
        self
    }

    pub(super) fn networks(&self) -> &Networks {
        &self.networks
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

/// Resolves names, and refuses those of which any address may not be reached.
pub(super) struct AllowedNames(pub(super) Networks);

impl Resolve for AllowedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !networks.allow(address.ip())) {
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
            let url = Url::parse(spelled).unwrap();
            assert_eq!(
                Networks::default().check_literal(&url),
                Err(Forbidden),
                "{spelled}"
            );
        }
        let public = Url::parse("http://1.1.1.1/").unwrap();
        assert_eq!(Networks::default().check_literal(&public), Ok(()));
    }

    #[test]
    fn a_network_that_the_operator_allows_may_be_reached_however_its_addresses_are_spelled() {
        let networks = Networks::parse("10.1.0.0/16, 127.0.0.1,fd00::/8").unwrap();
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd00::1", true),
            ("fe80::1", false),
            ("169.254.169.254", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(
                networks.allow(address.parse().unwrap()),
                allowed,
                "{address}"
            );
        }
        let named = |url: &str| networks.name(&Url::parse(url).unwrap());
        assert!(named("http://127.0.0.1:9000/") && named("http://localhost/"));
        assert!(!named("http://8.8.8.8/") && !named("http://inside.example/"));
        assert_eq!(Networks::parse("10.0.0.0/8,all").unwrap_err(), "all");
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
