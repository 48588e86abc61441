//! Certificates made at test time: good ones, and each of the bad ones that a client must refuse.
//!
//! ```ignore
//! let ca = Ca::new("Test CA");
//! let identity = ca.issue(Leaf::new("localhost").ip("127.0.0.1"));
//! test().file("ca.pem", ca.pem()).args(["--cacert", "ca.pem"])
//! ```
//! All keys are fresh P-256 ones, except for RSA: ring cannot make RSA keys, so one is stored here.
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Leaf {
    names: Vec<String>,
    params: CertificateParams,
    rsa: bool,
}

impl Leaf {
    /// A valid server certificate for a host name or an address.
    pub fn new(name: &str) -> Leaf {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Leaf {
            names: vec![name.into()],
            params,
            rsa: false,
        }
    }

    /// A valid client certificate.
    pub fn client(name: &str) -> Leaf {
        let mut leaf = Leaf::new(name);
        leaf.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        leaf
    }

    /// Also valid for this name.
    pub fn name(mut self, name: &str) -> Leaf {
        self.names.push(name.into());
        self
    }

    /// Also valid for this address.
    pub fn ip(self, address: &str) -> Leaf {
        self.name(address)
    }

    /// Expired in 2001.
    pub fn expired(mut self) -> Leaf {
        self.params.not_before = date_time_ymd(2000, 1, 1);
        self.params.not_after = date_time_ymd(2001, 1, 1);
        self
    }

    /// Not valid before 2090.
    pub fn not_yet_valid(mut self) -> Leaf {
        self.params.not_before = date_time_ymd(2090, 1, 1);
        self.params.not_after = date_time_ymd(2091, 1, 1);
        self
    }

    /// Names the host in the common name only, as was done before RFC 2818 became the rule.
    pub fn cn_only(mut self) -> Leaf {
        self.names.clear();
        self
    }

    /// Says that it is a CA: what `openssl req -x509` makes, and many a private server uses as its own.
    pub fn ca(mut self) -> Leaf {
        self.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self
    }

    /// Has the fixed RSA key, see [`Identity::pkcs1_pem`].
    pub fn rsa(mut self) -> Leaf {
        self.rsa = true;
        self
    }

    fn params(self) -> (CertificateParams, KeyPair) {
        let sans = CertificateParams::new(self.names).expect("host names");
        let mut params = self.params;
        params.subject_alt_names = sans.subject_alt_names;
        let key = match self.rsa {
            true => KeyPair::from_pem(TEST_KEY_RSA).expect("the fixed key"),
            false => KeyPair::generate().expect("a key"),
        };
        (params, key)
    }
}

/// A certificate authority: a root, or one below it.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What a server must send besides its own certificate: everything but the root.
    chain: Vec<CertificateDer<'static>>,
}

impl Ca {
    pub fn new(name: &str) -> Ca {
        let (params, key) = authority(Leaf::new(name));
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a root");
        Ca {
            issuer,
            chain: Vec::new(),
        }
    }

    /// An authority that this one has signed.
    pub fn intermediate(&self, name: &str) -> Ca {
        self.vouch(Leaf::new(name))
    }

    /// An authority that this one has signed, and that expired in 2001.
    pub fn expired_intermediate(&self, name: &str) -> Ca {
        self.vouch(Leaf::new(name).expired())
    }

    fn vouch(&self, leaf: Leaf) -> Ca {
        let (params, key) = authority(leaf);
        let signed = CertifiedIssuer::signed_by(params, key, &self.issuer);
        let issuer = signed.expect("an intermediate");
        let mut chain = vec![issuer.der().clone()];
        chain.extend_from_slice(&self.chain);
        Ca { issuer, chain }
    }

    pub fn issue(&self, leaf: Leaf) -> Identity {
        let (params, key) = leaf.params();
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        let mut chain = vec![signed.der().clone()];
        chain.extend_from_slice(&self.chain);
        Identity { chain, key }
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// The file for `--cacert`.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }
}

fn authority(leaf: Leaf) -> (CertificateParams, KeyPair) {
    let (mut params, key) = leaf.cn_only().ca().params();
    params.extended_key_usages.clear();
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, key)
}

/// A certificate with its chain and its key: what a server or a client authenticates with.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Identity {
    /// Self-signed.
    pub fn self_signed(leaf: Leaf) -> Identity {
        let (params, key) = leaf.params();
        let signed = params.self_signed(&key).expect("a certificate");
        Identity {
            chain: vec![signed.der().clone()],
            key,
        }
    }

    /// Without its chain: the usual fault of a server whose intermediate is missing.
    pub fn alone(mut self) -> Identity {
        self.chain.truncate(1);
        self
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    /// The certificate and its chain: what `--cert` takes.
    pub fn pem(&self) -> String {
        self.chain.iter().map(|c| pem("CERTIFICATE", c)).collect()
    }

    /// The key as PKCS#8 (`BEGIN PRIVATE KEY`): what `--key` takes.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The key as SEC 1 (`BEGIN EC PRIVATE KEY`, RFC 5915), as `openssl ecparam -genkey` writes it.
    pub fn sec1_pem(&self) -> String {
        let pkcs8 = self.key.serialize_der();
        // A P-256 key in PKCS#8 as ring writes it always has this shape: 32 bytes of it are secret, 65 public.
        assert_eq!((pkcs8.len(), pkcs8[35]), (138, 32), "a P-256 key");
        let (secret, public) = (&pkcs8[36..68], &pkcs8[73..]);
        let mut sec1 = b"\x30\x77\x02\x01\x01\x04\x20".to_vec();
        sec1.extend_from_slice(secret);
        sec1.extend_from_slice(b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
        sec1.extend_from_slice(b"\xa1\x44\x03\x42\x00");
        sec1.extend_from_slice(public);
        pem("EC PRIVATE KEY", &sec1)
    }

    /// The key of a [`Leaf::rsa`] as PKCS#1 (`BEGIN RSA PRIVATE KEY`), as old tools write it.
    pub fn pkcs1_pem(&self) -> String {
        let pkcs8 = self.key.serialize_der();
        assert_eq!(pkcs8[26], 0x30, "an RSA key");
        pem("RSA PRIVATE KEY", &pkcs8[26..])
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let lf = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), lf)
}

/// A key for tests only: it is public.
const TEST_KEY_RSA: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCYbnG6r21Xiblw
ItcnN7+AJ3mmqGFTCm2rgTPRDifmXathHD8MlFJd4RL8Mv+NpfcYLoz3BBsQgsTM
4ORhS54GxQek94mFrAHIo64pIwnS38gnX1ryCJI/HDlAoktBb1OzKgT1V0xznLMk
JhJVouH1bW4CWPtjvv7pAVkyWHk1QNGJBgqVZJxa3hWielhBK5H65AezUuE8Mw6Y
K8gUnw+w+GDo6kY6UXTdHgMSQPDqr/YQrLFSRFBAtJaDrSSNBoc6ivOaWToznGyI
471Thsf0PCBON1Y/foCkERMxIUoIsbv5EyHm2y+vt7BUypWpAq469/5OpcehlruS
AuHhoE9fAgMBAAECggEAOphGBp3V2c8a5gS2kSBIcHJ8PHjAhMPe+Yz+hq+63b6H
GRrbD7JaYTUab7EI9IHmVLjcPj4pSzUBgsI2eEIxmmeV8y+mgShoPSDSW4TZC2Mz
lRL+KkjqMvFd/r8ET8CEO7x80HTA8jY71Lr/1ER7OLVakvNym1q5sYbvqz9ARJww
arr13AGcQhmYT11XgZUEHwCq2JOw/pvemz76mTWHUnH8FeM+lPtZy813NnYG0kAk
NDGpEVgYBbaZWrCs0ZsKcNJnNj9kYo7sBoZFiiuyEs8DR+ssFDAksrMXix2E3+pe
1zTSW0qHdQzKLgAJhhsnfKz56vFyH5Sb64CET80HSQKBgQDRu/jUfgAA/PVJPKPC
RO1vEdplsRQOLmURnHlGPusuHM75Tqk0awR0JE7tNPVFHJfsroFhXt0mYQCwRobi
gYBjG3PIEAjaVl0pNn8PPLuV5fA733bOcmxLjoBLlBlZxRUp/x/fKmnrYF04qcWu
4rkCZhZFniNQLxS2Ie+n7anD2QKBgQC6Dn1OAJhskJKBdyb9+KkU6YxA6nI6GJzw
uMvodiUzHKLVD6oxd2b9Gk7s2jLrVq75iGYqobdQ1gHW3xEI+pSoHSa1AcjfB2kC
/k/ZCH+zjVfJJiWVhVZIOG11yKUGLGuETtrpmJZ97SM0m5DlBnkCQQIccCbL9lwA
Q6s7ncSB9wKBgHShLvIbTy09fblIO1hgtBg7uVMrcZehPRraBKaHfoiaBI6mq3k2
ubdMKYfHF01jZSh8sf3PnvMkphlgXsm+cgKq1Wu/XuzrccrlPyrd/wKQZ1MkJREQ
mCA8EiP1K1O8QNSlxrd3Aoedgrlrzz49XdxzoJb+JW0FgWL25CpiAzGhAoGAB80r
u+WSfprhScRxQhz3GgVg+Cfceksl6YIWKr0peictPLnXbROQofREcvIDSJLt61Co
2AjH4v/WO+hGkpXPPe1a/iQBBDkPUizPtE4C7Mh0cd7DnK1mnMig7ltncAbUy0tz
KnBXfxg+bapIPRI0aL/JEuAxAERoPyqXN3y6DKkCgYEAo+PeCKzJIH7Nva7VOTlp
dFxh4UYi/y7pSRBOXAY7Ynze5xBxxe6uHmGVDtJfK6QsHJGMQb4RnS2DgduWgiKc
moRBNSwXmVZBQS8B2PoUxqDGB6VFfrN8ZzWH8bn08FT1yqhe658oXx0Q+/9pJrlr
BGvCvNhs19rY5uG5Yz6cYCw=
-----END PRIVATE KEY-----
";
