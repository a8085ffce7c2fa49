package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	regionText   = regexp.MustCompile(`^[0-9a-z][0-9a-z_-]{1,31}$`)
	areaText     = regexp.MustCompile(`^\d{6}$`)
	venueText    = regexp.MustCompile(`^[PH]\d{11}$`)
	nameText     = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$`)
	prefixText   = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}(\.[0-9A-Za-z_-]{1,64}){0,7}$`)
	extensionSet = []string{"feed", "expected_split", "trace"}
	uploadSet    = []string{"goods"}
	presetSet    = []string{"national", "hubei", "guangdong", "shenzhen", "zhejiang"}
)

// Values that a key may have, by what a device is used for.
var (
	cardKinds    = []string{"gempc", "acs", "scanner"}
	idKinds      = []string{"sdt"}
	scannerKinds = []string{"scanner"}
	slots        = []string{"contact", "contactless"}
)

// check reports every value that cannot work. It reads nothing but the permissions of the secret files.
func (c *Config) check(r *report) {
	required(r, "data", c.Data)
	if !regionText.MatchString(c.Region) {
		r.on("region", problem{`must be the id of a policy, such as "430100"`, `须为地区政策编号，例如 "430100"`})
	}
	c.Venue.check(r)
	c.Listen.check(r)
	for i, origin := range c.AllowOrigins {
		checkOrigin(r, fmt.Sprintf("allow_origins[%d]", i), origin)
	}
	c.checkReaders(r)
	c.Upstream.check(r)
	c.Offline.check(r)
	between(r, "retention.years", c.Retention.Years, 2, 100)
	for i, key := range c.Import.TrustedKeys {
		checkMinisign(r, fmt.Sprintf("import.trusted_keys[%d]", i), key)
	}
}

func (v *Venue) check(r *report) {
	if !venueText.MatchString(v.Code) {
		r.on("venue.code", problem{"must be P or H and 11 digits, as in the designation agreement", "须为 P 或 H 加 11 位数字，见定点协议"})
	}
	required(r, "venue.name", v.Name)
	oneOf(r, "venue.kind", v.Kind, []string{"pharmacy", "clinic", "hospital"})
	if !areaText.MatchString(v.Area) {
		r.on("venue.area", problem{"must be the 6 digits of the area", "须为 6 位医保区划"})
	}
	if v.AgreementUntil == 0 {
		r.on("venue.agreement_until", problem{"must be the last day of the designation agreement, since without one every settlement is refused",
			"须填定点协议的最后一天；没有协议，每笔结算都会被拒绝"})
	}
}

func (l *Listen) check(r *report) {
	api := checkListen(r, "listen.api", l.API)
	if len(l.UnixUsers) > 0 && l.Unix == "" {
		r.on("listen.unix_users", problem{"there is no socket; set listen.unix", "没有套接字；请设置 listen.unix"})
	}
	for i, user := range l.UnixUsers {
		required(r, fmt.Sprintf("listen.unix_users[%d]", i), user)
	}
	metrics := ""
	if l.Metrics != "" {
		metrics = checkListen(r, "listen.metrics", l.Metrics)
	}
	if api != "" && api == metrics && !strings.HasSuffix(api, ":0") {
		r.on("listen.metrics", problem{"is the address of listen.api; metrics need one of their own", "与 listen.api 相同；指标须用另一个地址"})
	}
}

// checkListen wants a loopback address, since everything that listens on this machine is for this machine: one
// listener opened to the network by mistake would offer every account of the counter to it.
func checkListen(r *report, key, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		r.on(key, problem{"must be host:port, such as 127.0.0.1:7311", "须为 主机:端口，例如 127.0.0.1:7311"})
		return ""
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		r.on(key, problem{"the port must be 0 to 65535", "端口须为 0 到 65535"})
		return ""
	}
	if !loopback(host) {
		r.on(key, problem{"must be a loopback address: 127.0.0.1, [::1] or localhost", "只能是本机回环地址：127.0.0.1、[::1] 或 localhost"})
		return ""
	}
	return address
}

// loopback reports whether a host can only be this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// checkOrigin wants exactly what a browser sends, since origins are compared letter by letter.
func checkOrigin(r *report, key, origin string) {
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != origin ||
		strings.Contains(origin, "*") || strings.ToLower(origin) != origin {
		r.on(key, problem{"must be an exact origin in lower case without a path, such as https://pos.example.cn", "须为小写、不带路径的完整来源，例如 https://pos.example.cn"})
	}
}

func (c *Config) checkReaders(r *report) {
	if c.Reader.Kind != "" && len(c.Readers) > 0 {
		r.on("readers", problem{"use reader or readers, not both", "reader 和 readers 只能用一个"})
	}
	if c.Reader.Kind == "" && len(c.Readers) == 0 && c.Scanner.Kind == "" {
		r.on("reader.kind", problem{"there is no card reader; set reader, readers or scanner", "没有读卡器；请设置 reader、readers 或 scanner"})
	}
	names, ports := map[string]string{}, map[string]string{}
	c.Reader.check(r, "reader", cardKinds, names, ports)
	for i := range c.Readers {
		key := fmt.Sprintf("readers[%d]", i)
		required(r, key+".kind", c.Readers[i].Kind)
		if len(c.Readers) > 1 {
			required(r, key+".name", c.Readers[i].Name)
			required(r, key+".terminal", c.Readers[i].Terminal)
		}
		c.Readers[i].check(r, key, cardKinds, names, ports)
	}
	c.IDReader.check(r, "id_reader", idKinds, names, ports)
	c.Scanner.check(r, "scanner", scannerKinds, names, ports)
}

// check looks at one device. Names and ports of the devices before it tell doubled ones.
func (d *Reader) check(r *report, key string, kinds []string, names, ports map[string]string) {
	if d.Kind == "" {
		if d.Port != "" {
			r.on(key+".kind", problem{"the port is set, but not what is on it", "设置了端口，但没有设备类型"})
		}
		return
	}
	oneOf(r, key+".kind", d.Kind, kinds)
	required(r, key+".port", d.Port)
	once(r, key+".port", d.Port, ports)
	if d.Name != "" && !nameText.MatchString(d.Name) {
		r.on(key+".name", problem{"must be up to 32 letters, digits, dots, dashes or underscores", "须为 32 个以内的字母、数字、点、横线或下划线"})
	}
	once(r, key+".name", d.Name, names)
	if d.Baud != 0 {
		between(r, key+".baud", d.Baud, 1200, 921600)
	}
	if d.Slot != "" {
		oneOf(r, key+".slot", d.Slot, slots)
		if d.Kind != "acs" {
			r.on(key+".slot", problem{"only a reader of kind acs has slots", "只有 acs 读卡器有卡槽之分"})
		}
	}
}

// once reports a value that an earlier device has.
func once(r *report, key, value string, seen map[string]string) {
	if value == "" {
		return
	}
	if earlier, taken := seen[value]; taken {
		r.on(key, problemf("is the same as %[1]s", "与 %[1]s 相同", earlier))
		return
	}
	seen[value] = key
}

func (u *Upstream) check(r *report) {
	oneOf(r, "upstream.kind", u.Kind, []string{"http", "nats"})
	u.checkURL(r)
	u.checkNATS(r)
	oneOf(r, "upstream.authority", u.Authority, []string{"cached", "platform"})
	u.checkGateway(r)
	u.checkSignature(r)
	u.checkBody(r)
	u.checkProxy(r)
	for i, office := range u.ClearingOffices {
		if !areaText.MatchString(office) {
			r.on(fmt.Sprintf("upstream.clearing_offices[%d]", i), problem{"must be the 6 digits of an office", "须为 6 位清算机构代码"})
		}
	}
	if (u.TLS.CertFile == "") != (u.TLS.KeyFile == "") {
		r.on("upstream.tls.cert_file", problem{"cert_file and key_file belong together", "cert_file 与 key_file 须同时设置"})
	}
	checkSecret(r, "upstream.tls.key_file", u.TLS.KeyFile)
	span(r, "upstream.timeout", u.Timeout, time.Second, 5*time.Minute)
	span(r, "upstream.inline_timeout", u.InlineTimeout, 500*time.Millisecond, 30*time.Second)
	u.checkProof(r)
	for i, extension := range u.Extensions {
		oneOf(r, fmt.Sprintf("upstream.extensions[%d]", i), extension, extensionSet)
	}
	for i, upload := range u.Uploads {
		oneOf(r, fmt.Sprintf("upstream.uploads[%d]", i), upload, uploadSet)
	}
	span(r, "upstream.feed.interval", u.Feed.Interval, time.Second, 24*time.Hour)
	between(r, "upstream.feed.page", u.Feed.Page, 1, 10000)
	u.Dialect.check(r)
}

// checkProof: a message that a gateway still holds must not count as one that never arrived, since it would be booked twice.
// Towards this machine there is no gateway.
func (u *Upstream) checkProof(r *report) {
	least := 2 * time.Minute
	if parsed, err := url.Parse(u.URL); err == nil && loopback(parsed.Hostname()) {
		least = time.Second
	}
	span(r, "upstream.proof_after", u.ProofAfter, least, 24*time.Hour)
}

// checkURL wants https; plain http only to this machine and to hosts that were named for it.
func (u *Upstream) checkURL(r *report) {
	for i, host := range u.AllowPlain {
		if host == "" || strings.ContainsAny(host, "/*@ ") {
			r.on(fmt.Sprintf("upstream.allow_plain[%d]", i), problem{"must be a host or host:port, such as 10.1.2.3:8080", "须为主机或 主机:端口，例如 10.1.2.3:8080"})
		}
	}
	if u.Kind == "nats" {
		return // its own check
	}
	if u.URL == "" {
		if u.Authority == "platform" {
			r.on("upstream.url", problem{"authority platform needs a centre", "authority 为 platform 时必须有中心地址"})
		}
		return
	}
	parsed, err := url.Parse(u.URL)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http") {
		r.on("upstream.url", problem{"must be a URL that begins with https://", "须为以 https:// 开头的地址"})
		return
	}
	if parsed.User != nil || parsed.Fragment != "" {
		r.on("upstream.url", problem{"must hold no user, password or fragment", "不能含用户名、密码或 # 片段"})
	}
	if parsed.Scheme == "http" && !u.PlainAllowed(parsed.Host) {
		r.on("upstream.url", problemf("plain http is allowed to this machine only; use https, or name %[1]s in upstream.allow_plain if the line itself is private",
			"明文 http 只能用于本机；请用 https，或在专线上把 %[1]s 写入 upstream.allow_plain", parsed.Host))
	}
}

// checkNATS: a line to message servers is as private as one to the centre, and what belongs to HTTP alone is refused
// rather than forgotten.
func (u *Upstream) checkNATS(r *report) {
	n := &u.NATS
	if !prefixText.MatchString(n.SubjectPrefix) {
		r.on("upstream.nats.subject_prefix", problem{"must be words of letters, digits, dashes and underscores, joined by dots", "须为字母、数字、横线或下划线组成的词，用点连接"})
	}
	checkSecret(r, "upstream.nats.creds_file", n.CredsFile)
	checkSecret(r, "upstream.nats.nkey_file", n.NKeyFile)
	if n.CredsFile != "" && n.NKeyFile != "" {
		r.on("upstream.nats.nkey_file", problem{"use creds_file or nkey_file, not both", "creds_file 和 nkey_file 只能用一个"})
	}
	if u.Kind != "nats" {
		if len(n.Servers) > 0 {
			r.on("upstream.nats.servers", problem{"belongs to upstream.kind: nats", "只用于 upstream.kind: nats"})
		}
		return
	}
	if u.URL != "" {
		r.on("upstream.url", problem{"belongs to upstream.kind: http", "只用于 upstream.kind: http"})
	}
	if u.Proxy != "" {
		r.on("upstream.proxy", problem{"belongs to upstream.kind: http", "只用于 upstream.kind: http"})
	}
	if len(n.Servers) == 0 {
		r.on("upstream.nats.servers", problem{"must name a message server, such as tls://nats.example.cn:4222", "须填消息服务器，例如 tls://nats.example.cn:4222"})
	}
	for i, server := range n.Servers {
		u.checkServer(r, fmt.Sprintf("upstream.nats.servers[%d]", i), server)
	}
}

func (u *Upstream) checkServer(r *report, key, server string) {
	parsed, err := url.Parse(server)
	switch {
	case err != nil || (parsed.Scheme != "tls" && parsed.Scheme != "nats") || parsed.Port() == "" || parsed.Hostname() == "" ||
		parsed.User != nil || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		r.on(key, problem{"must be tls://host:port without user or path", "须为 tls://主机:端口，不带用户名和路径"})
	case parsed.Scheme == "nats" && !u.PlainAllowed(parsed.Host):
		r.on(key, problemf("nats:// is allowed to this machine only; use tls://, or name %[1]s in upstream.allow_plain if the line itself is private",
			"nats:// 只能用于本机；请用 tls://，或在专线上把 %[1]s 写入 upstream.allow_plain", parsed.Host))
	case strings.HasPrefix(u.NATS.Servers[0], "tls://") != (parsed.Scheme == "tls"):
		r.on(key, problem{"begins otherwise than the first; use tls:// for all, or nats:// for all", "与第一个的开头不同；须全部用 tls:// 或全部用 nats://"})
	}
}

// PlainAllowed reports whether host, or host:port, may be reached without TLS: this machine, and what allow_plain names.
func (u *Upstream) PlainAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if loopback(host) {
		return true
	}
	for _, allowed := range u.AllowPlain {
		if strings.EqualFold(allowed, host) || strings.EqualFold(allowed, hostport) {
			return true
		}
	}
	return false
}

func (u *Upstream) checkGateway(r *report) {
	oneOf(r, "upstream.gateway.kind", u.Gateway.Kind, []string{"none", "x-tif", "x-ca"})
	if u.Gateway.Kind == "x-tif" || u.Gateway.Kind == "x-ca" {
		required(r, "upstream.gateway.paasid", u.Gateway.PaasID)
		required(r, "upstream.gateway.secret_file", u.Gateway.SecretFile)
	}
	checkSecret(r, "upstream.gateway.secret_file", u.Gateway.SecretFile)
}

func (u *Upstream) checkBody(r *report) {
	oneOf(r, "upstream.body.cipher", u.Body.Cipher, []string{"none", "sm4"})
	if u.Body.Cipher == "sm4" {
		required(r, "upstream.body.key_file", u.Body.KeyFile)
	}
	checkSecret(r, "upstream.body.key_file", u.Body.KeyFile)
}

// checkProxy: the way to the proxy has no TLS of its own, so the rules of plain http are its rules.
func (u *Upstream) checkProxy(r *report) {
	if u.Proxy == "" {
		return
	}
	parsed, err := url.Parse(u.Proxy)
	switch {
	case err != nil || parsed.Scheme != "http" || parsed.Port() == "" || parsed.User != nil || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		r.on("upstream.proxy", problem{"must be http://host:port without user or path", "须为 http://主机:端口，不带用户名和路径"})
	case !u.PlainAllowed(parsed.Host):
		r.on("upstream.proxy", problemf("the way to a proxy is plain http; name %[1]s in upstream.allow_plain if the line itself is private",
			"到代理的一段是明文 http；专线上的代理请把 %[1]s 写入 upstream.allow_plain", parsed.Host))
	}
}

func (u *Upstream) checkSignature(r *report) {
	oneOf(r, "upstream.signature.kind", u.Signature.Kind, []string{"none", "sm3-envelope", "sm3-input", "sm2-envelope"})
	oneOf(r, "upstream.signature.empty", u.Signature.Empty, []string{"keep", "skip"})
	if u.Signature.Kind == "sm2-envelope" {
		required(r, "upstream.signature.key_file", u.Signature.KeyFile)
		required(r, "upstream.signature.user_id", u.Signature.UserID)
	}
	checkSecret(r, "upstream.signature.key_file", u.Signature.KeyFile)
}

func (d *Dialect) check(r *report) {
	oneOf(r, "upstream.dialect.preset", d.Preset, presetSet)
	for _, c := range dialectChoices {
		if value := c.value(d); value != "" {
			oneOf(r, "upstream.dialect."+c.key, value, c.choice)
		}
	}
}

func (o *Offline) check(r *report) {
	span(r, "offline.max_age", o.MaxAge, time.Minute, 30*24*time.Hour)
	between(r, "offline.max_count", o.MaxCount, 0, 1_000_000)
}

// checkMinisign wants the second line of a minisign public key file: base64 of "Ed", 8 bytes of id, 32 bytes of key.
func checkMinisign(r *report, key, text string) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 42 || string(raw[:2]) != "Ed" {
		r.on(key, problem{"must be a minisign public key, 56 letters that begin with RW", "须为 minisign 公钥，56 个字符，以 RW 开头"})
	}
}

// checkSecret looks at a secret file that is named.
func checkSecret(r *report, key, path string) {
	if path == "" {
		return
	}
	if p, bad := secretProblem(path); bad {
		r.on(key, p)
	}
}

func required(r *report, key, value string) {
	if strings.TrimSpace(value) == "" {
		r.on(key, problem{"must be set", "必须填写"})
	}
}

func oneOf(r *report, key, value string, choice []string) {
	for _, c := range choice {
		if c == value {
			return
		}
	}
	if meant := nearestName(value, choice); value != "" && meant != "" {
		r.on(key, problemf("must be one of %[1]s; did you mean %[2]q?", "须为 %[1]s 之一，是不是 %[2]q？", strings.Join(choice, ", "), meant))
		return
	}
	r.on(key, problemf("must be one of %[1]s", "须为 %[1]s 之一", strings.Join(choice, ", ")))
}

func between(r *report, key string, value, low, high int) {
	if value < low || value > high {
		r.on(key, problemf("must be %[1]d to %[2]d", "须在 %[1]d 到 %[2]d 之间", low, high))
	}
}

func span(r *report, key string, value, low, high time.Duration) {
	if value < low || value > high {
		r.on(key, problemf("must be %[1]s to %[2]s", "须在 %[1]s 到 %[2]s 之间", short(low), short(high)))
	}
}

// short writes a duration without the zeros: 5m rather than 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
