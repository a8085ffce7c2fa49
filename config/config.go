// Package config is the daemon's configuration: one YAML file, typed, with defaults, environment overrides and a
// validation that reports every mistake at once with file, line and key.
//
// # Rules
//
//   - A key that does not exist is refused, with the key that was probably meant. So is a value of the wrong type or out
//     of range. Nothing is silently ignored.
//   - Environment: GONGJI_ followed by the key path in upper case, joined by an underscore, overrides the file:
//     GONGJI_DATA is data, GONGJI_LISTEN_API is listen.api, GONGJI_UPSTREAM_TLS_CA_FILE is upstream.tls.ca_file. Lists of
//     texts are separated by commas; the list readers cannot be set this way. A GONGJI_ variable that names no key is a
//     mistake like any other, except the names that are reserved for other uses (GONGJI_CI, GONGJI_TOKEN, GONGJI_TEST_…).
//   - Secrets are named by file, never written into the configuration or the environment, and a secret file that others
//     may read is refused (see [ReadSecret]).
//   - Relative paths are relative to the working directory of the daemon.
//
// This package imports a YAML library only, so money, dates and durations have small types of their own here; whoever
// assembles the daemon turns them into the vocabulary of the rules.
package config

import (
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Config is the whole configuration. The zero value is not valid; start from [Default].
type Config struct {
	Data         string    `yaml:"data"`       // folder of ledger, keys and backups
	Region       string    `yaml:"region"`     // policy id
	PolicyDir    string    `yaml:"policy_dir"` // policies here override the embedded ones; empty: embedded only
	Venue        Venue     `yaml:"venue"`
	Listen       Listen    `yaml:"listen"`
	AllowOrigins []string  `yaml:"allow_origins"` // exact origins of browser POS pages
	Reader       Reader    `yaml:"reader"`        // the one card reader; see Cards
	Readers      []Reader  `yaml:"readers"`       // several tills on one daemon, instead of Reader
	IDReader     Reader    `yaml:"id_reader"`     // identity card reader; kind empty: none
	Scanner      Reader    `yaml:"scanner"`       // 医保码 scanner; kind empty: none
	Upstream     Upstream  `yaml:"upstream"`
	Offline      Offline   `yaml:"offline"`
	Retention    Retention `yaml:"retention"`
	Import       Import    `yaml:"import"`
}

// Venue is the shop or clinic under its designation agreement (定点协议).
type Venue struct {
	Code           string `yaml:"code"` // fixmedins_code: P or H and 11 digits
	Name           string `yaml:"name"`
	Kind           string `yaml:"kind"`            // pharmacy, clinic or hospital
	Area           string `yaml:"area"`            // 6 digits (mdtrtarea_admvs)
	AgreementUntil Date   `yaml:"agreement_until"` // last day of the agreement
}

// Listen says where the daemon listens. Addresses are loopback only.
type Listen struct {
	API  string `yaml:"api"`  // host:port of API and console; port 0 picks a free one
	Unix string `yaml:"unix"` // path of a Unix socket for the API; empty: none
	// UnixUsers are the users, by name or number, that may use the socket besides the daemon's own; empty: whom the
	// file's mode lets in.
	UnixUsers []string `yaml:"unix_users"`
	Metrics   string   `yaml:"metrics"`    // host:port of the metrics; empty: none
	WebConfig string   `yaml:"web_config"` // TLS and basic auth of the metrics listener; empty: none
}

// Reader is one device at the counter. An empty kind means that there is none.
type Reader struct {
	Name     string `yaml:"name"`     // shown to people and in metrics; unique
	Terminal string `yaml:"terminal"` // the till that it stands at; empty: every till
	Kind     string `yaml:"kind"`
	Port     string `yaml:"port"` // device path or COM port
	Baud     int    `yaml:"baud"`
	Slot     string `yaml:"slot"` // acs: contact or contactless
}

// Upstream is the centre.
type Upstream struct {
	Kind          string        `yaml:"kind"`      // http, or nats: through message servers
	URL           string        `yaml:"url"`       // http; empty: no centre; reports wait
	NATS          NATS          `yaml:"nats"`      // nats
	Authority     string        `yaml:"authority"` // cached or platform
	Gateway       Gateway       `yaml:"gateway"`
	Signature     Signature     `yaml:"signature"`
	TLS           TLS           `yaml:"tls"`
	Timeout       time.Duration `yaml:"timeout"`        // of one exchange
	InlineTimeout time.Duration `yaml:"inline_timeout"` // platform: how long the patient waits for the centre
	ProofAfter    time.Duration `yaml:"proof_after"`    // how long a gateway may hold a message back
	Extensions    []string      `yaml:"extensions"`
	Uploads       []string      `yaml:"uploads"` // goods: trace codes after each sale and return (3505, 3506); empty: none
	Feed          Feed          `yaml:"feed"`
	Dialect       Dialect       `yaml:"dialect"`
	AllowPlain    []string      `yaml:"allow_plain"` // hosts, or host:port, that may be reached without TLS
	Body          Body          `yaml:"body"`
	Proxy         string        `yaml:"proxy"` // http://host:port on the way to the centre; empty: none
	// ClearingOffices are offices (clr_optins) at which people insured here are cleared, besides those that bookings name.
	ClearingOffices []string `yaml:"clearing_offices"`
}

// NATS is the way to the centre through message servers, with the certificates of upstream.tls.
type NATS struct {
	Servers       []string `yaml:"servers"`        // tls://host:port, tried in order; nats://host:port for this machine and allow_plain
	CredsFile     string   `yaml:"creds_file"`     // credentials (JWT and seed)
	NKeyFile      string   `yaml:"nkey_file"`      // seed, instead of creds_file
	SubjectPrefix string   `yaml:"subject_prefix"` // of every subject, as at the centre
}

// Body is how the content of messages is encrypted inside TLS.
type Body struct {
	Cipher  string `yaml:"cipher"`   // none or sm4
	KeyFile string `yaml:"key_file"` // 16 bytes, or 32 hexadecimal digits
}

// Gateway is the API gateway in front of the centre.
type Gateway struct {
	Kind       string `yaml:"kind"` // none, x-tif or x-ca
	PaasID     string `yaml:"paasid"`
	SecretFile string `yaml:"secret_file"`
}

// Signature is how the envelope is signed (cainfo, signtype).
type Signature struct {
	Kind    string `yaml:"kind"` // none, sm3-envelope, sm3-input or sm2-envelope
	KeyFile string `yaml:"key_file"`
	UserID  string `yaml:"user_id"`
	Empty   string `yaml:"empty"` // keep or skip members without a value
}

// TLS holds the certificates towards the centre; empty files: the system's.
type TLS struct {
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Feed is the ledger feed (extension feed).
type Feed struct {
	Interval time.Duration `yaml:"interval"`
	Page     int           `yaml:"page"`     // rows of a page
	OnSwipe  bool          `yaml:"on_swipe"` // ask for the family when a card is inserted
}

// Offline limits settling without the centre; a region's tighter limits win.
type Offline struct {
	MaxAge         time.Duration `yaml:"max_age"`          // of the cached ledger
	MaxSale        Fen           `yaml:"max_sale"`         // account money of one sale
	MaxPersonTotal Fen           `yaml:"max_person_total"` // unreported account money of one person
	MaxTotal       Fen           `yaml:"max_total"`        // unreported account money of the venue
	MaxCount       int           `yaml:"max_count"`        // unreported settlements of the venue
}

// Retention says how long records are kept.
type Retention struct {
	Years int `yaml:"years"`
}

// Import says whose signed ledger files are believed.
type Import struct {
	TrustedKeys []string `yaml:"trusted_keys"` // minisign public keys, base64
}

// Default is the configuration before the file: everything but the venue, the region and the centre.
func Default() *Config {
	return &Config{
		Data:  defaultData(),
		Venue: Venue{Kind: "pharmacy"},
		Listen: Listen{
			API:       "127.0.0.1:7311",
			UnixUsers: []string{},
			Metrics:   "127.0.0.1:7312",
		},
		Upstream: Upstream{
			Kind:          "http",
			NATS:          NATS{SubjectPrefix: "gongji"},
			Authority:     "cached",
			Gateway:       Gateway{Kind: "none"},
			Body:          Body{Cipher: "none"},
			Signature:     Signature{Kind: "none", UserID: "1234567812345678", Empty: "keep"},
			Timeout:       30 * time.Second,
			InlineTimeout: 4 * time.Second,
			ProofAfter:    10 * time.Minute,
			Extensions:    []string{"feed", "trace"},
			Feed:          Feed{Interval: 30 * time.Second, Page: 1000, OnSwipe: true},
			Dialect:       Dialect{Preset: "national"},
		},
		Offline: Offline{
			MaxAge:         24 * time.Hour,
			MaxSale:        500_00,
			MaxPersonTotal: 1000_00,
			MaxTotal:       20000_00,
			MaxCount:       200,
		},
		Retention: Retention{Years: 5},
	}
}

// defaultData is where a service keeps its data on this kind of system.
func defaultData() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(`C:\ProgramData`, "Gongji")
	}
	return "/var/lib/gongji"
}

// Cards are the card readers: the list readers, or the one reader. Names, terminals, slots and speeds are filled in:
// the only reader is named "counter-1" unless it says otherwise.
func (c *Config) Cards() []Reader {
	list := c.Readers
	if len(list) == 0 && c.Reader.Kind != "" {
		list = []Reader{c.Reader}
	}
	filled := make([]Reader, len(list))
	for i, r := range list {
		if r.Name == "" {
			r.Name = "counter-1"
		}
		filled[i] = r.filled()
	}
	return filled
}

// Identity is the identity card reader; ok is false where there is none.
func (c *Config) Identity() (r Reader, ok bool) { return c.IDReader.named("id-1") }

// Codes is the 医保码 scanner; ok is false where there is none.
func (c *Config) Codes() (r Reader, ok bool) { return c.Scanner.named("scanner-1") }

func (r Reader) named(name string) (Reader, bool) {
	if r.Kind == "" {
		return Reader{}, false
	}
	if r.Name == "" {
		r.Name = name
	}
	return r.filled(), true
}

// filled sets the speed that the kind of device is shipped with, and the slot.
func (r Reader) filled() Reader {
	if r.Baud == 0 {
		r.Baud = defaultBaud[r.Kind]
	}
	if r.Slot == "" {
		r.Slot = "contact"
	}
	return r
}

// defaultBaud is the factory speed of each kind of device.
var defaultBaud = map[string]int{"gempc": 115200, "acs": 9600, "sdt": 115200, "scanner": 9600}

// Set reports whether there is a centre at all.
func (u *Upstream) Set() bool {
	if u.Kind == "nats" {
		return len(u.NATS.Servers) > 0
	}
	return u.URL != ""
}

// Has reports whether an extension of the interface is switched on.
func (u *Upstream) Has(extension string) bool { return slices.Contains(u.Extensions, extension) }

// UploadsGoods reports whether trace codes are uploaded after each sale and return.
func (u *Upstream) UploadsGoods() bool { return slices.Contains(u.Uploads, "goods") }
