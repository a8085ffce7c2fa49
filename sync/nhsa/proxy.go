package nhsa

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// proxy is the proxy's address, nil where there is none or where it is none that can be used.
func (o *Options) proxy() *url.URL {
	target, err := url.Parse(o.Proxy)
	if err != nil || target.Scheme != "http" || target.Port() == "" || target.User != nil {
		return nil
	}
	return target
}

// plainProxy tells the transport to send plain requests to the proxy. A tunnel to a centre with TLS is dug by the dialer
// itself: the transport would put its own TLS over the connection, and nobody could prove any more that nothing was
// written.
func (d *dialer) plainProxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme == "https" {
		return nil, nil
	}
	return d.proxy, nil
}

// reach connects to an address, through the proxy's tunnel where there is one.
func (d *dialer) reach(ctx context.Context, network, address string) (net.Conn, error) {
	if d.proxy == nil {
		return d.net.DialContext(ctx, network, address)
	}
	conn, err := d.net.DialContext(ctx, network, d.proxy.Host)
	if err != nil {
		return nil, err
	}
	if err := d.tunnel(ctx, conn, address); err != nil {
		conn.Close() //nolint:errcheck,gosec // the tunnel's error is the one to report
		return nil, err
	}
	return conn, nil
}

// tunnel asks the proxy for a way to the address (CONNECT). Nothing of a message has left until it is there.
func (d *dialer) tunnel(ctx context.Context, conn net.Conn, address string) error {
	end := time.Now().Add(d.net.Timeout)
	if within, limited := ctx.Deadline(); limited && within.Before(end) {
		end = within
	}
	if err := conn.SetDeadline(end); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address); err != nil {
		return err
	}
	// The centre speaks after us, so nothing behind the proxy's answer can be swallowed by the buffer.
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	answer.Body.Close() //nolint:errcheck,gosec // the answer to CONNECT has no body
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("proxy: HTTP status %d", answer.StatusCode)
	}
	if !stop() {
		return ctx.Err()
	}
	return conn.SetDeadline(time.Time{})
}
