package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"gongji/config"
	"gongji/daemon/health"
)

// heading says what was looked at, so that a pasted report needs no questions: version, system, time, and the settings
// that everything else follows from. None of them is a secret or a person's.
func (k *checker) heading(file string) {
	c := k.config
	fmt.Fprintf(k.out, "gongjid %s (%s) %s/%s  %s\n", version, commit(), runtime.GOOS, runtime.GOARCH, time.Now().Format(time.RFC3339))
	fmt.Fprintf(k.out, "配置 configuration %s  数据 data %s  地区 region %s  机构 venue %s  方式 authority %s\n\n", file, c.Data, c.Region, c.Venue.Code, c.Upstream.Authority)
}

// unsent says what the centre has not acknowledged. Something unsent is no fault, but support must know of it first.
func (k *checker) unsent(ctx context.Context) (string, error) {
	u, err := undelivered(ctx, k.config.Data)
	if err != nil {
		return "", err
	}
	if u.Empty() {
		return "全部已上报 everything was sent", nil
	}
	note := fmt.Sprintf("%d 笔 %s 元未上报 unsent", u.Reports, u.Amount)
	if !u.Oldest.IsZero() {
		note += "，最早 since " + u.Oldest.Format(time.DateTime)
	}
	if u.Unknown+u.Held+u.Deciding+u.Uploads > 0 {
		note += fmt.Sprintf("；结果未明 unknown %d，待人工 held %d，待经办 deciding %d，追溯码 goods %d", u.Unknown, u.Held, u.Deciding, u.Uploads)
	}
	return note, nil
}

// standing is the running daemon's own list of warnings, as the counter sees it.
func (k *checker) standing(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.config.Listen.API+"/readyz?verbose", nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		Warnings []struct{ Code, Severity, Subject, Text, Remedy string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("/readyz?verbose: %w", err)
	}
	switch {
	case len(answer.Warnings) == 0 && k.failed > 0:
		return fmt.Sprintf("守护进程还没有告警：以上问题持续一会儿（最长 %[1]d 秒）才告警 / the daemon warns of none of this yet: a fault has to last, up to %[1]d s",
			longestDelay()/time.Second), nil
	case len(answer.Warnings) == 0:
		return "没有告警 no warnings", nil
	}
	var lines strings.Builder
	fmt.Fprintf(&lines, "%d 条告警 warnings", len(answer.Warnings))
	for _, w := range answer.Warnings {
		fmt.Fprintf(&lines, "\n    %s", w.Code)
		if w.Subject != "" {
			fmt.Fprintf(&lines, "(%s)", w.Subject)
		}
		fmt.Fprintf(&lines, " %s %s%s", w.Severity, w.Text, w.Remedy)
	}
	return lines.String(), nil
}

// longestDelay is after how long the daemon warns of whatever stands.
func longestDelay() (most time.Duration) {
	for _, kind := range health.Kinds {
		most = max(most, kind.Delay)
	}
	return most
}

// loadForCheck loads a configuration; a fault in it is the report.
func loadForCheck(file string) (*config.Config, error) {
	c, err := config.Load(file)
	if err != nil {
		return nil, fmt.Errorf("✗ 配置 configuration %s\n%w", file, err)
	}
	return c, nil
}
