package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gongji/config"
	"gongji/settle"
)

// shopConfig is a configuration as a shop has it.
func shopConfig(t *testing.T) *config.Config {
	t.Helper()
	c := config.Default()
	c.Data, c.Region = t.TempDir(), "430100"
	c.Venue = config.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20991231}
	c.Reader = config.Reader{Kind: "gempc", Port: "/dev/ttyUSB0"}
	c.Upstream.URL = "https://centre.example/callService"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSupportedNamesEverySettingItCannotDo: a setting that is valid but not there yet must not be silently ignored.
func TestSupportedNamesEverySettingItCannotDo(t *testing.T) {
	if err := Supported(shopConfig(t)); err != nil {
		t.Fatal(err)
	}
	counter := shopConfig(t)
	counter.IDReader = config.Reader{Kind: "sdt", Port: "/dev/ttyUSB1"}
	counter.Scanner = config.Reader{Kind: "scanner", Port: "/dev/ttyUSB2"}
	counter.Upstream.Authority, counter.Venue.Kind = "platform", "clinic"
	if err := Supported(counter); err != nil {
		t.Errorf("a counter with everything: %v", err)
	}
	c := shopConfig(t)
	c.Reader.Kind = "sdt"
	c.IDReader = config.Reader{Kind: "gempc", Port: "/dev/ttyUSB1"}
	c.Listen.WebConfig = "web.yaml"
	err := Supported(c)
	if settle.CodeOf(err) != settle.NotConfigured {
		t.Fatalf("got %v", err)
	}
	for _, key := range []string{"reader.kind: sdt", "id_reader.kind: gempc", "listen.web_config"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%q is not named in %v", key, err)
		}
	}
}

func TestClientOfTheConfiguredCentre(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("s3cret"), 0o644); err != nil {
		t.Fatal(err)
	}
	serials := func(context.Context) (uint64, error) { return 1, nil }
	for name, c := range map[string]struct {
		change func(u *config.Upstream)
		fault  string
	}{
		"plain national":        {func(*config.Upstream) {}, ""},
		"gateway":               {func(u *config.Upstream) { u.Gateway = config.Gateway{Kind: "x-tif", PaasID: "p", SecretFile: secret} }, ""},
		"gateway, open secret":  {func(u *config.Upstream) { u.Gateway = config.Gateway{Kind: "x-tif", PaasID: "p", SecretFile: open} }, "open to other users"},
		"province":              {func(u *config.Upstream) { u.Dialect.Preset = "guangdong" }, ""},
		"unknown province":      {func(u *config.Upstream) { u.Dialect.Preset = "atlantis" }, "national, hubei"},
		"wrong override":        {func(u *config.Upstream) { u.Dialect.Msgid = "random" }, "msgid"},
		"sm3":                   {func(u *config.Upstream) { u.Signature.Kind = "sm3-envelope" }, ""},
		"sm2 without a key":     {func(u *config.Upstream) { u.Signature.Kind = "sm2-envelope" }, "key"},
		"sm2, no key in it":     {func(u *config.Upstream) { u.Signature = config.Signature{Kind: "sm2-envelope", KeyFile: secret} }, "key"},
		"certificate not there": {func(u *config.Upstream) { u.TLS.CAFile = "/does/not/exist.pem" }, "ca_file"},
		"plain http far away":   {func(u *config.Upstream) { u.URL = "http://10.1.2.3/callService" }, "https"},
		"plain http, allowed": {func(u *config.Upstream) {
			u.URL, u.AllowPlain = "http://10.1.2.3/callService", []string{"10.1.2.3"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			shop := shopConfig(t)
			c.change(&shop.Upstream)
			client, err := Client(shop, serials)
			if err == nil {
				client.Close()
			}
			switch {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("got %v, want a fault that names %q", err, c.fault)
			case err != nil && strings.Contains(err.Error(), "s3cret"):
				t.Error("the secret shows")
			}
		})
	}
}
