package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Endpoint is where the NATS servers are and who we are to them.
type Endpoint struct {
	Servers    []string    // tls://host:port; nats://host:port for loopback and for AllowPlain; the first that answers is used
	AllowPlain []string    // hosts, or host:port, besides loopback that may be spoken to without TLS
	TLS        *tls.Config // default: the system's roots, TLS 1.2 at least
	Creds      []byte      // content of a credentials file (JWT and seed); nil: none
	Seed       []byte      // content of an nkey seed file, instead of Creds
	// InProcess connects to a server in this process instead, as a simulation of very many venues does.
	InProcess nats.InProcessConnProvider
}

const (
	connectWithin = 2 * time.Second
	pingEvery     = 20 * time.Second
	pingsOut      = 2
	reconnectWait = 250 * time.Millisecond
)

// check names what is wrong with the configured servers, in the configuration's words.
func (e *Endpoint) check() error {
	if e.InProcess != nil {
		return nil
	}
	if len(e.Servers) == 0 {
		return errors.New("upstream.nats.servers names no server")
	}
	if len(e.Creds) > 0 && len(e.Seed) > 0 {
		return errors.New("upstream.nats: creds_file and nkey_file are two ways to say who we are; use one")
	}
	secure := strings.HasPrefix(e.Servers[0], "tls://")
	for _, server := range e.Servers {
		target, err := url.Parse(server)
		switch {
		case err != nil || target.Port() == "" || target.User != nil || strings.Trim(target.Path, "/") != "":
			return errors.New("upstream.nats.servers: an entry is not tls://host:port")
		case (target.Scheme == "tls") != secure:
			return errors.New("upstream.nats.servers: all entries begin with tls://, or all with nats://")
		case target.Scheme != "tls" && target.Scheme != "nats":
			return errors.New("upstream.nats.servers: an entry begins with neither tls:// nor nats://")
		case !secure && !e.plainAllowed(target):
			return errors.New("upstream.nats.servers: nats:// is for this machine and for hosts in upstream.allow_plain; use tls://")
		}
	}
	return nil
}

func (e *Endpoint) plainAllowed(target *url.URL) bool {
	host := target.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.Contains(e.AllowPlain, host) || slices.Contains(e.AllowPlain, target.Host)
}

// connect dials. It returns a connection also where no server answers yet: that one goes on trying. Nothing is kept to be
// sent later: what cannot leave now is told to the sender.
func (e *Endpoint) connect(name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name(name), nats.Timeout(connectWithin), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, 2*reconnectWait),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(), nats.IgnoreDiscoveredServers(), nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the line to the message servers is lost", "err", err.Error())
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("the message servers complain", "err", err.Error())
		}),
	}
	switch {
	case e.InProcess != nil:
		options = append(options, nats.InProcessServer(e.InProcess))
	case strings.HasPrefix(e.Servers[0], "tls://"):
		settings := e.TLS
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		options = append(options, nats.Secure(settings))
	}
	who, err := e.identity()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(strings.Join(e.Servers, ","), slices.Concat(options, who, more)...)
	if err != nil {
		return nil, fmt.Errorf("message servers: %w", err)
	}
	return nc, nil
}

// identity proves who we are by a credentials file or a seed. Secrets never reach an error's text.
func (e *Endpoint) identity() ([]nats.Option, error) {
	switch {
	case len(e.Creds) > 0:
		if _, err := nkeys.ParseDecoratedUserNKey(e.Creds); err != nil {
			return nil, errors.New("upstream.nats.creds_file holds no credentials")
		}
		return []nats.Option{nats.UserCredentialBytes(e.Creds)}, nil
	case len(e.Seed) > 0:
		pair, err := nkeys.FromSeed(e.Seed)
		if err != nil {
			return nil, errors.New("upstream.nats.nkey_file holds no seed")
		}
		public, err := pair.PublicKey()
		if err != nil {
			return nil, errors.New("upstream.nats.nkey_file holds no seed of a user")
		}
		return []nats.Option{nats.Nkey(public, pair.Sign)}, nil
	}
	return nil, nil
}
