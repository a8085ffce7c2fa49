package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gongji/cardreader"
	"gongji/cardreader/serialport"
	"gongji/config"
	"gongji/daemon"
	"gongji/daemon/health"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/settle/policy"
	"gongji/sync/nhsa"
)

// checkWithin bounds each check.
const checkWithin = 15 * time.Second

func checkCommand() *cobra.Command {
	var file string
	var security bool
	cmd := &cobra.Command{
		Use:   "check --config FILE [--security]",
		Short: "Try everything the daemon needs and say what is wrong",
		Long: `Tries configuration, policy, data directory, ledger, disk, reader, centre and clock, and says what is wrong and what to do.
It may run beside the daemon. With --security it attacks the API of the running daemon the way a hostile web page or
program on this machine would, and reports any attack that is not refused.

The whole output may be pasted to support: it holds no secret, no token and nobody's name. Exit code 0 where everything is in
order, 1 where anything is wrong, 2 for wrong usage. Warnings of the running daemon are listed and do not count as wrong.`,
		Example: "  gongjid check --config /etc/gongji/gongjid.yaml\n  gongjid check --config /etc/gongji/gongjid.yaml --security",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "config"); err != nil {
				return err
			}
			c, err := loadForCheck(file)
			if err != nil {
				return err
			}
			k := &checker{config: c, out: cmd.OutOrStdout()}
			k.heading(file)
			if security {
				k.attack(cmd.Context())
			} else {
				k.all(cmd.Context())
			}
			return k.verdict()
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	cmd.Flags().BoolVar(&security, "security", false, "attack the running daemon's API")
	return cmd
}

// checker runs checks one after the other and counts what failed.
type checker struct {
	config  *config.Config
	out     io.Writer
	failed  int
	running bool // the daemon answers on its port, and so holds ledger and reader
}

// errSkipped marks a check that cannot be made now and is no fault.
var errSkipped = errors.New("skipped")

func (k *checker) try(ctx context.Context, what string, check func(context.Context) (string, error)) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	note, err := check(ctx)
	mark := "✓"
	switch {
	case errors.Is(err, errSkipped):
		mark = "–"
	case err != nil:
		mark, note = "✗", remedy(err)
		k.failed++
	}
	fmt.Fprintf(k.out, "%s %s  %s\n", mark, what, note)
}

// remedy is the error in the cashier's words where it has some, and the technician's.
func remedy(err error) string {
	var coded *settle.Error
	if errors.As(err, &coded) {
		s := settle.SentenceOf(err)
		return fmt.Sprintf("%s%s [%v]", s.Message, s.Hint, err)
	}
	return explainFault(err).Error()
}

func (k *checker) verdict() error {
	if k.failed == 0 {
		fmt.Fprintln(k.out, "\n一切正常 everything is in order")
		return nil
	}
	fmt.Fprintf(k.out, "\n%d 项有问题 %d checks failed\n", k.failed, k.failed)
	return errSilent
}

func (k *checker) all(ctx context.Context) {
	k.try(ctx, "配置 configuration", func(context.Context) (string, error) { return "", daemon.Supported(k.config) })
	k.try(ctx, "地区策略 policy   ", k.policy)
	k.try(ctx, "定点协议 agreement", k.agreement)
	k.try(ctx, "守护进程 daemon   ", k.daemonRuns)
	k.try(ctx, "账本 ledger       ", k.ledger)
	k.try(ctx, "上报 outbox       ", k.unsent)
	k.try(ctx, "磁盘 disk         ", k.disk)
	k.readers(ctx)
	k.try(ctx, "医保中心 centre   ", k.centre)
	if k.running { // last: what was found above may be too fresh for a warning
		k.try(ctx, "告警 warnings     ", k.standing)
	}
}

func (k *checker) policy(context.Context) (string, error) {
	set, err := policy.Load(k.config.PolicyDir)
	if err != nil {
		return "", err
	}
	rules, err := set.For(k.config.Region, settle.DateOf(time.Now()))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", rules.ID, rules.Name, rules.Version), nil
}

func (k *checker) agreement(context.Context) (string, error) {
	venue := daemon.VenueOf(k.config)
	if !venue.Designated(settle.DateOf(time.Now())) {
		return "", settle.Refused(settle.EVenue)
	}
	return fmt.Sprintf("%s %s，至 until %s", venue.Code, venue.Name, venue.AgreementUntil), nil
}

func (k *checker) daemonRuns(ctx context.Context) (string, error) {
	status, err := k.probe(ctx, "GET", "/livez", nil)
	if err != nil {
		return "没有运行 not running", errSkipped
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("%s 被别的程序占用，请更改 listen.api / another program answers there", k.config.Listen.API)
	}
	k.running = true
	ready, err := k.probe(ctx, "GET", "/readyz", nil)
	if err == nil && ready != http.StatusOK {
		return "", errors.New("正在运行，但不能结算；见 /readyz?verbose / running, but not ready")
	}
	return "正在运行 running", err
}

// probe sends one request to the daemon as a program on this machine would.
func (k *checker) probe(ctx context.Context, method, path string, change func(*http.Request)) (int, error) {
	return k.probeAt(ctx, k.config.Listen.API, method, path, change)
}

func (k *checker) probeAt(ctx context.Context, address, method, path string, change func(*http.Request)) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	if change != nil {
		change(request)
	}
	client := &http.Client{Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

func (k *checker) ledger(ctx context.Context) (string, error) {
	if _, err := os.Stat(k.config.Data); errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("还没有目录 %[1]s，守护进程首次启动时建立 / the daemon makes %[1]s when it first starts", k.config.Data), nil
	}
	found, err := ledger.Exists(k.config.Data)
	if err != nil || !found {
		return "还没有账本 no ledger yet", err
	}
	report, err := ledger.VerifyDir(ctx, k.config.Data, nil)
	if err != nil {
		return "", err
	}
	if !report.OK() {
		return "", fmt.Errorf("校验不通过，%d 处；请运行 gongjid verify / %d findings; run gongjid verify", len(report.Findings), len(report.Findings))
	}
	return fmt.Sprintf("%d 条记录校验通过 records verify", report.Records), nil
}

func (k *checker) disk(context.Context) (string, error) {
	folder, err := existing(k.config.Data)
	if err != nil {
		return "", err
	}
	space, err := health.DiskSpace(folder)
	if err != nil {
		return "", err
	}
	tracker := health.NewTracker(nil)
	if err := health.NewDiskWatch(tracker, folder, func(string) (health.Space, error) { return space, nil }).Check(); err != nil {
		return "", err
	}
	for _, w := range tracker.Warnings() {
		if w.Code == health.DiskFull {
			return "", fmt.Errorf("%s%s / %s", w.Text, w.Remedy, w.English.Text)
		}
	}
	return fmt.Sprintf("%d MB 可用 free", space.Free>>20), nil
}

// existing is the folder itself or, before the daemon has made it, the nearest one above that is there: it is on the same disk. A
// check makes nothing: what the superuser made could not be written by the daemon's user.
func existing(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	for err == nil && folder != filepath.Dir(folder) {
		if _, err = os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			return folder, err
		}
		folder, err = filepath.Dir(folder), nil
	}
	return folder, err
}

func (k *checker) readers(ctx context.Context) {
	devices := k.config.Cards()
	if len(devices) == 0 {
		k.try(ctx, "读卡器 reader     ", func(context.Context) (string, error) {
			return "", errors.New("没有配置读卡器，请填写 reader / no reader is configured")
		})
	}
	if r, set := k.config.Identity(); set {
		devices = append(devices, r)
	}
	for _, r := range devices {
		k.try(ctx, "读卡器 reader     ", func(ctx context.Context) (string, error) { return k.reader(ctx, r) })
	}
}

func (k *checker) reader(ctx context.Context, r config.Reader) (string, error) {
	card, err := cardreader.ReadOnce(ctx, cardreader.Options{Name: r.Name, Kind: r.Kind, Port: r.Port, Baud: r.Baud, Slot: r.Slot}, nil)
	switch {
	case errors.Is(err, cardreader.ErrNoCard):
		return r.Port + " 正常，没有卡 answers, no card", nil
	case errors.Is(err, serialport.ErrBusy) && k.running:
		return r.Port + " 由正在运行的守护进程使用 in use by the running daemon", errSkipped
	case errors.Is(err, serialport.ErrTimeout):
		return "", errors.Join(explainFault(err), k.findKind(ctx, r))
	case err != nil:
		return "", errors.Join(explainFault(err), otherPorts(r.Port))
	}
	return fmt.Sprintf("%s 正常，卡 answers, card of %s", r.Port, card.MaskedHolder()), nil
}

// otherPorts names the serial ports of this machine where the configured one is not there, so that a technician need not guess.
func otherPorts(port string) error {
	if _, err := os.Stat(port); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var found []string
	for _, pattern := range []string{"/dev/gongji-*", "/dev/serial/by-path/*", "/dev/ttyUSB*", "/dev/ttyACM*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		found = append(found, names...)
	}
	if len(found) == 0 {
		return errors.New("本机没有 USB 串口；插上读卡器后再查 / this machine has no USB serial port; plug the reader in")
	}
	return fmt.Errorf("本机的串口 / this machine's ports: %s；用 gongjid read --port 端口 --kind auto 试读 / try them with gongjid read", strings.Join(found, " "))
}

// findKind asks a device that does not answer as configured what it is, by probing that harms none.
func (k *checker) findKind(ctx context.Context, r config.Reader) error {
	found, err := cardreader.Probe(ctx, r.Port)
	if err != nil || len(found) == 0 {
		return nil //nolint:nilerr // the device is silent, which has been said
	}
	return fmt.Errorf("端口上是 %s、%d 波特，请更正配置 / the device on the port is of kind %s at %d baud", found[0].Kind, found[0].Baud, found[0].Kind, found[0].Baud)
}

// centre signs in, which books nothing, and compares the clocks.
func (k *checker) centre(ctx context.Context) (string, error) {
	if !k.config.Upstream.Set() {
		return "", errors.New("没有配置 upstream.url，一切都会脱机 / no upstream.url: everything would be offline")
	}
	client, err := daemon.Client(k.config, func(context.Context) (uint64, error) { return rand.Uint64N(10000), nil })
	if err != nil {
		return "", err
	}
	defer client.Close()
	outcome, err := nhsa.NewSignIns(client).Renew(ctx, settle.Operator{ID: "check", Name: "检查"})
	switch {
	case err != nil:
		return "", err
	case outcome.Result != nhsa.Answered:
		return "", fmt.Errorf("连不上 %[1]s，请核对 upstream、专线、路由器和证书 / no answer from %[1]s; check upstream, the line and the certificate: %[2]w",
			cmp.Or(k.config.Upstream.URL, strings.Join(k.config.Upstream.NATS.Servers, " ")), cmp.Or(outcome.Err, errors.New("the answer is no message")))
	case !outcome.Done():
		return "", fmt.Errorf("中心有应答但拒绝签到 / the centre refuses the sign-in: %s", outcome.Fault)
	}
	if at := outcome.Answer.CentreTime; !at.IsZero() {
		if off := time.Since(at).Abs(); off > health.ClockAgreeLimit {
			return "", fmt.Errorf("电脑时钟与中心相差 %s，请打开自动对时 / the clocks differ by %s", off.Round(time.Second), off.Round(time.Second))
		}
	}
	return "签到成功，时钟一致 signed in, clocks agree", nil
}

// attacks are the ways of the localhost checklist: what a hostile page or program would send, and what must come back.
var attacks = []struct {
	row    int // of the checklist of a hostile localhost
	what   string
	method string
	path   string
	change func(*http.Request)
	want   int
}{
	{6, "无令牌 no token", "GET", "/v1/reader", nil, http.StatusUnauthorized},
	{6, "猜令牌 guessed token", "GET", "/v1/reader", bearer("gj_guess"), http.StatusUnauthorized},
	{2, "DNS 重绑定 rebound host", "GET", "/v1/reader", host("attacker.example"), http.StatusMisdirectedRequest},
	{2, "DNS 重绑定 rebound host on an open path", "GET", "/livez", host("attacker.example"), http.StatusMisdirectedRequest},
	{9, "0.0.0.0", "GET", "/livez", host("0.0.0.0"), http.StatusMisdirectedRequest},
	{2, "内网名 internal name", "GET", "/livez", host("till.local"), http.StatusMisdirectedRequest},
	{3, "外站来源 foreign origin", "POST", "/v1/settlements", header("Origin", "https://attacker.example"), http.StatusForbidden},
	{3, "空来源 null origin", "POST", "/v1/settlements", header("Origin", "null"), http.StatusForbidden},
	{3, "外站引用 foreign referer", "GET", "/v1/reader", header("Referer", "https://attacker.example/page"), http.StatusForbidden},
	{5, "来源前缀 origin that only begins right", "GET", "/livez", header("Origin", "http://127.0.0.1.attacker.example"), http.StatusForbidden},
	{5, "别的端口 origin of another port", "GET", "/livez", header("Origin", "http://127.0.0.1:1"), http.StatusForbidden},
	{5, "来源含本机地址 origin that contains the right one", "GET", "/livez", containing, http.StatusForbidden},
	{3, "跨站预检 preflight", "OPTIONS", "/v1/settlements", header("Origin", "https://attacker.example"), http.StatusForbidden},
	{8, "简单请求 simple cross-site post", "POST", "/v1/settlements", header("Content-Type", "text/plain"), http.StatusUnauthorized},
	{7, "自己的来源、没有令牌 own origin without a token", "POST", "/v1/settlements", ownOrigin, http.StatusUnauthorized},
	{8, "用 GET 改动 a change by GET", "GET", "/v1/settlements", nil, http.StatusUnauthorized},
	{7, "未知路径 unknown path without a token", "GET", "/v1/nothing", nil, http.StatusUnauthorized},
	{23, "绕行路径 path with detours", "GET", "/console/..%2Fv1/reader", nil, http.StatusUnauthorized},
	{23, "双斜线路径 path with two slashes", "GET", "//v1/reader", nil, http.StatusUnauthorized},
	{23, "问服务器自己 options of no path", "OPTIONS", "/", ofTheServer, http.StatusUnauthorized},
}

func bearer(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// host keeps the port, as a rebound name would.
func host(name string) func(*http.Request) {
	return func(r *http.Request) {
		_, port, _ := net.SplitHostPort(r.URL.Host)
		r.Host = net.JoinHostPort(name, port)
	}
}

// ofTheServer asks OPTIONS *, which is of no path.
func ofTheServer(r *http.Request) { r.URL.Path = "*" }

func (k *checker) attack(ctx context.Context) {
	if _, err := k.probe(ctx, "GET", "/livez", nil); err != nil {
		fmt.Fprintf(k.out, "✗ 守护进程没有运行，先启动再检查 start the daemon first: %s\n", k.config.Listen.API)
		k.failed++
		return
	}
	for _, a := range attacks {
		k.try(ctx, fmt.Sprintf("%2d %s", a.row, a.what), func(ctx context.Context) (string, error) {
			status, err := k.probe(ctx, a.method, a.path, a.change)
			late := a.want == http.StatusUnauthorized && status == http.StatusTooManyRequests // guesses of a run before have slowed it down
			if err == nil && status != a.want && !late {
				err = fmt.Errorf("应答 %d，应为 %d，请更新软件并联系技术支持 / answered %d, must be %d", status, a.want, status, a.want)
			}
			return fmt.Sprintf("已拒绝 refused (%d)", status), err
		})
	}
	for _, d := range defences {
		k.try(ctx, fmt.Sprintf("%2d %s", d.row, d.what), func(ctx context.Context) (string, error) { return d.check(k, ctx) })
	}
}
