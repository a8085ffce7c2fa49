package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"gongji/settle"
)

// defences are what of the checklist is no single request that must be refused. Row 14 on Windows and where no socket is
// configured is the token's alone.
var defences = []struct {
	row   int
	what  string
	check func(*checker, context.Context) (string, error)
}{
	{1, "只听本机 loopback only", (*checker).loopbackOnly},
	{4, "不给外站读取 no answer is opened to other pages", (*checker).closedToPages},
	{6, "令牌文件 file of tokens", (*checker).tokenFile},
	{14, "套接字 Unix socket", (*checker).socketMode},
	{15, "指标监听 metrics listener", (*checker).metricsListener},
	{18, "过大的报文头 oversized header", (*checker).oversizedHeader},
	{18, "过大的内容 oversized body", (*checker).oversizedBody},
	{18, "慢速客户端 slow client", (*checker).slowClient},
	{18, "占满连接 all connections held", (*checker).heldConnections},
	{19, "安全报头 security headers", (*checker).securityHeaders},
	{6, "反复猜令牌 many guessed tokens", (*checker).manyGuesses},
	{20, "拒绝有计数 refusals are counted", (*checker).refusalsCounted},
}

// containing is an origin in which the API's own address stands somewhere.
func containing(r *http.Request) {
	r.Header.Set("Origin", "http://attacker.example/?http://"+r.URL.Host)
}

// loopbackOnly knocks at every other address of this machine: no neighbour on the network may find API or metrics there.
func (k *checker) loopbackOnly(ctx context.Context) (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	knocked := 0
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.IsLinkLocalUnicast() {
			continue
		}
		for _, listen := range []string{k.config.Listen.API, k.config.Listen.Metrics} {
			_, port, err := net.SplitHostPort(listen)
			if err != nil {
				continue // no metrics
			}
			knocked++
			address := net.JoinHostPort(network.IP.String(), port)
			conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
			if err == nil {
				_ = conn.Close()
				return "", fmt.Errorf("%s 可以从别的电脑连接 / can be reached from other machines", address)
			}
		}
	}
	if knocked == 0 {
		return "本机没有别的地址 this machine has no other address", errSkipped
	}
	return fmt.Sprintf("在 %d 个别的地址上连不上 unreachable at %d other addresses", knocked, knocked), nil
}

// metricsListener asks for the metrics as a page with a rebound name, and as a page of another site.
func (k *checker) metricsListener(ctx context.Context) (string, error) {
	if k.config.Listen.Metrics == "" {
		return "没有配置 not configured", errSkipped
	}
	if k.config.Listen.WebConfig != "" {
		return "有口令或 TLS guarded by web_config", errSkipped
	}
	for _, change := range []func(*http.Request){host("attacker.example"), header("Origin", "https://attacker.example")} {
		status, err := k.probeAt(ctx, k.config.Listen.Metrics, http.MethodGet, "/metrics", change)
		if err != nil {
			return "", err
		}
		if status < http.StatusBadRequest {
			return "", fmt.Errorf("指标给了外站，应答 %d / metrics are answered to a page", status)
		}
	}
	return "不给网页 not for web pages", nil
}

// securityHeaders demands that no page frames, sniffs, keeps or feeds an answer.
func (k *checker) securityHeaders(ctx context.Context) (string, error) {
	for _, path := range []string{"/livez", "/console/", "/v1/reader"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.config.Listen.API+path, nil)
		if err != nil {
			return "", err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		_ = response.Body.Close()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'none'",
		} {
			if !strings.HasPrefix(response.Header.Get(name), want) {
				return "", fmt.Errorf("%s 缺少 %s: %s / lacks it", path, name, want)
			}
		}
	}
	return "齐全 all there", nil
}

// guesses are more wrong tokens than anybody mistypes. They slow down nobody who has a right one.
const guesses = 300

// manyGuesses tries tokens one after the other: the daemon must begin to refuse without looking.
func (k *checker) manyGuesses(ctx context.Context) (string, error) {
	for n := range guesses {
		status, err := k.probe(ctx, http.MethodGet, "/v1/reader", bearer(fmt.Sprintf("gj_guess%d", n)))
		if err != nil {
			return "", err
		}
		if status == http.StatusTooManyRequests {
			return fmt.Sprintf("第 %d 次起限速 slowed down from guess %d", n+1, n+1), nil
		}
	}
	return "", fmt.Errorf("%d 次都没有限速 / never slowed down", guesses)
}

// refusalsCounted demands that the attacks made so far stand in the metrics, by reason: what nobody counts, nobody is alerted to.
func (k *checker) refusalsCounted(ctx context.Context) (string, error) {
	if k.config.Listen.Metrics == "" || k.config.Listen.WebConfig != "" {
		return "指标没有配置或有口令 no metrics, or guarded", errSkipped
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.config.Listen.Metrics+"/metrics", nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	for _, reason := range []settle.Code{settle.BadHost, settle.BadOrigin, settle.Unauthenticated, settle.RateLimited} {
		series := fmt.Sprintf("gongji_api_rejected_requests_total{reason=%q} ", reason)
		if _, rest, found := strings.Cut(string(text), series); !found || strings.HasPrefix(rest, "0\n") {
			return "", fmt.Errorf("%s 没有计数 / is not counted", reason)
		}
	}
	return "按原因 by reason", nil
}

func ownOrigin(r *http.Request) { r.Header.Set("Origin", "http://"+r.URL.Host) }

// closedToPages asks as a page would, also of an open path, and demands that no page may read the answer.
func (k *checker) closedToPages(ctx context.Context) (string, error) {
	for _, path := range []string{"/livez", "/openapi.json", "/v1/reader"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.config.Listen.API+path, nil)
		if err != nil {
			return "", err
		}
		request.Header.Set("Origin", "https://attacker.example")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		_ = response.Body.Close()
		if opened := response.Header.Get("Access-Control-Allow-Origin"); opened != "" {
			return "", fmt.Errorf("%s 允许外站读取 / %s may be read by %s", path, path, opened)
		}
	}
	return "没有 none", nil
}

// tokenFile demands that nobody but the daemon's user may read the hashes, and that no token stands there in clear.
func (k *checker) tokenFile(context.Context) (string, error) {
	path := filepath.Join(k.config.Data, "tokens.json")
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "还没有令牌 no tokens yet", errSkipped
	}
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s 的权限是 %o，请执行 chmod 600 / others may read it", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if strings.Contains(string(data), `"gj_`) {
		return "", fmt.Errorf("%s 里有明文令牌 / a token stands there in clear", path)
	}
	return fmt.Sprintf("权限 mode %o，只存摘要 hashes only", info.Mode().Perm()), nil
}

func (k *checker) socketMode(context.Context) (string, error) {
	path := k.config.Listen.Unix
	if path == "" {
		return "没有配置，只靠令牌 not configured: the token alone", errSkipped
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s 的权限是 %o，其他用户可以连接 / anybody may connect", path, info.Mode().Perm())
	}
	if len(k.config.Listen.UnixUsers) == 0 {
		return fmt.Sprintf("权限 mode %o；可用 unix_users 指定用户 / unix_users can name who may use it", info.Mode().Perm()), nil
	}
	return fmt.Sprintf("权限 mode %o，只限 only %s", info.Mode().Perm(), strings.Join(k.config.Listen.UnixUsers, ", ")), nil
}

func (k *checker) oversizedHeader(ctx context.Context) (string, error) {
	status, err := k.probe(ctx, http.MethodGet, "/livez", header("X-Filler", strings.Repeat("a", 64<<10)))
	if err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
		return "", fmt.Errorf("应答 %d，应为 431 / answered %d, must be 431", status, status)
	}
	return "已拒绝 refused", err
}

// oversizedBody has no token, so that nothing can come of it: it must be refused before the body is read.
func (k *checker) oversizedBody(ctx context.Context) (string, error) {
	status, err := k.probe(ctx, http.MethodPost, "/v1/settlements", func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, 64<<20)), 64<<20
	})
	switch {
	case err == nil && status != http.StatusUnauthorized && status != http.StatusTooManyRequests && status != http.StatusRequestEntityTooLarge:
		return "", fmt.Errorf("应答 %d，应为 401 或 413 / answered %d", status, status)
	case err != nil && ctx.Err() == nil:
		return "已断开 hung up", nil
	}
	return fmt.Sprintf("已拒绝 refused (%d)", status), err
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// slowClient begins a request and never ends it: the daemon must hang up.
func (k *checker) slowClient(ctx context.Context) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.config.Listen.API)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	began := time.Now()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := conn.Write([]byte("GET /livez HTTP/1.1\r\nHost: ")); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		return "", errors.New("一直保持连接 / the connection stays open")
	}
	return fmt.Sprintf("%s 后断开 hung up", time.Since(began).Round(time.Second)), nil
}

// manyConnections is more than the API serves at a time.
const manyConnections = 300

// heldConnections keeps every connection that there may be, each with half a request, and then comes as a till does.
func (k *checker) heldConnections(ctx context.Context) (string, error) {
	for range manyConnections {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.config.Listen.API)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("GET /")) // it may have been hung up by now, which is right
	}
	began := time.Now()
	status, err := k.probe(ctx, "GET", "/livez", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d", status)
	}
	if err != nil {
		return "", fmt.Errorf("占满连接后不再应答，请更新软件 / nobody else is answered: %w", err)
	}
	return fmt.Sprintf("%d 个空连接之间 %s 应答 answered among quiet ones", manyConnections, time.Since(began).Round(time.Millisecond)), nil
}
