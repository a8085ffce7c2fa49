package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
)

// importShop is a shop whose daemon is down, with a signed file of one person beside it.
type importShop struct {
	t                     *testing.T
	config, data, brought string
	private               minisign.PrivateKey
}

func newImportShop(t *testing.T) *importShop {
	t.Helper()
	dir := t.TempDir()
	s := &importShop{t: t, config: filepath.Join(dir, "gongjid.yaml"), data: filepath.Join(dir, "data"), brought: filepath.Join(dir, "family.json")}
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.private = private
	s.write(s.config, fmt.Sprintf(`data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
reader: {kind: gempc, port: /dev/null}
import: {trusted_keys: ["%s"]}
`, s.data, public))
	s.sign("S-1", "王芳")
	return s
}

func (s *importShop) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *importShop) sign(id, name string) {
	s.t.Helper()
	data, err := feed.EncodeSnapshot(settle.Snapshot{
		ID: id, CentreTime: time.Now().Add(-time.Minute),
		People: []settle.SnapshotPerson{{
			PsnNo: "43000000000000000001", IDNumber: "11010519491231002X", Name: name, Insurance: settle.InsuranceEmployee,
			Status: settle.StatusNormal, Area: "430100",
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(s.brought, string(data))
	s.write(s.brought+".minisig", string(minisign.Sign(s.private, data)))
}

func (s *importShop) run(args ...string) (string, error) {
	s.t.Helper()
	root := rootCommand()
	var out, warnings bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&warnings)
	root.SetArgs(append([]string{"import", "--config", s.config}, args...))
	err := root.ExecuteContext(context.Background())
	return out.String() + warnings.String(), err
}

func TestImportCommand(t *testing.T) {
	s := newImportShop(t)
	preview, err := s.run(s.brought)
	if err != nil || !strings.Contains(preview, "people        1 new") || !strings.Contains(preview, "尚未写入") || !strings.Contains(preview, "王*") {
		t.Fatalf("preview: %v\n%s", err, preview)
	}
	if strings.Contains(preview, "王芳") || strings.Contains(preview, "11010519491231002X") {
		t.Errorf("the preview names somebody:\n%s", preview)
	}
	digest := regexp.MustCompile(`digest   ([0-9a-f]{64})`).FindStringSubmatch(preview)
	if digest == nil {
		t.Fatalf("no digest in\n%s", preview)
	}
	if out, err := s.run("--apply", "--digest", strings.Repeat("0", 64), s.brought); err == nil || !strings.Contains(out, "重新预览") {
		t.Errorf("another digest: %v\n%s", err, out)
	}
	if out, err := s.run("--apply", "--digest", digest[1], s.brought); err != nil || !strings.Contains(out, "文件已导入") {
		t.Errorf("apply: %v\n%s", err, out)
	}
	if out, err := s.run("--apply", s.brought); err != nil || !strings.Contains(out, "以前已导入") {
		t.Errorf("again: %v\n%s", err, out)
	}
	report, err := ledger.VerifyDir(t.Context(), s.data, nil)
	if err != nil || !report.OK() {
		t.Errorf("verify: %v %v", err, report.Findings)
	}
}

func TestImportCommandRefuses(t *testing.T) {
	s := newImportShop(t)
	s.write(s.brought+".minisig", "no signature")
	if out, err := s.run(s.brought); err == nil || !strings.Contains(out, "签名文件格式不对") {
		t.Errorf("no signature: %v\n%s", err, out)
	}
	s.sign("S-1", "王芳")
	rules := settle.DefaultRules()
	l, err := ledger.Open(t.Context(), ledger.Options{
		Dir: s.data, Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), RulesFor: func(settle.Date) (*settle.Rules, error) { return rules, nil },
		Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20991231},
	})
	if err != nil {
		t.Fatal(err)
	}
	said, err := s.run(s.brought)
	if err == nil || !strings.Contains(err.Error(), "the daemon is running") || !strings.Contains(err.Error(), "POST /v1/bindings/import") ||
		strings.Contains(said, settle.Sentences[settle.StoreBroken].Message) {
		t.Errorf("while the daemon holds the ledger: %v\n%s", err, said)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.run(s.brought + ".not"); err == nil || !strings.Contains(err.Error(), "the file") {
		t.Errorf("no file: %v", err)
	}
}

// TestImportCommandOfALargeFile: a large file is read as a stream and says how far it has come.
func TestImportCommandOfALargeFile(t *testing.T) {
	s := newImportShop(t)
	was := streamFrom
	t.Cleanup(func() { streamFrom = was })
	streamFrom = 1
	content, err := os.ReadFile(s.brought)
	if err != nil {
		t.Fatal(err)
	}
	read := minisign.NewReader(bytes.NewReader(content))
	if _, err := io.Copy(io.Discard, read); err != nil {
		t.Fatal(err)
	}
	s.write(s.brought+".minisig", string(read.Sign(s.private)))
	preview, err := s.run(s.brought)
	if err != nil || !strings.Contains(preview, "names    1 people") || !strings.Contains(preview, "尚未写入") || !strings.Contains(preview, "核对账户资料") {
		t.Fatalf("preview: %v\n%s", err, preview)
	}
	out, err := s.run("--apply", s.brought)
	if err != nil || !strings.Contains(out, "文件已导入") || !strings.Contains(out, "读入账户资料") || !strings.Contains(out, "写入账本") {
		t.Errorf("apply: %v\n%s", err, out)
	}
	if out, err := s.run("--apply", s.brought); err != nil || !strings.Contains(out, "以前已导入") {
		t.Errorf("again: %v\n%s", err, out)
	}
}
