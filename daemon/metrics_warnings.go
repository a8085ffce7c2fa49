package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"gongji/daemon/health"
)

var (
	warningDesc = prometheus.NewDesc("gongji_warning", "1 while the warning stands, as /readyz shows it.", []string{"code", "severity"}, nil)
	readyDesc   = prometheus.NewDesc("gongji_ready", "1 while sales can be settled.", nil, nil)
	diskDesc    = prometheus.NewDesc("gongji_disk_free_bytes", "Room that the daemon may fill on the disk of its data directory.", nil, nil)
)

// warnings shows operators the same warnings as the counter sees, so that an alert and the counter's page never differ.
// Every code is there from the start.
type warnings struct {
	tracker *health.Tracker
	folder  string
}

func (warnings) Describe(ch chan<- *prometheus.Desc) {
	ch <- warningDesc
	ch <- readyDesc
	ch <- diskDesc
}

func (w warnings) Collect(ch chan<- prometheus.Metric) {
	standing := map[health.Code]bool{}
	for _, shown := range w.tracker.Warnings() {
		standing[shown.Code] = true
	}
	for code, kind := range health.Kinds {
		ch <- prometheus.MustNewConstMetric(warningDesc, prometheus.GaugeValue, oneIf(standing[code]), string(code), string(kind.Severity))
	}
	ch <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, oneIf(w.tracker.Ready()))
	if space, err := health.DiskSpace(w.folder); err == nil { // a missing value is an honest answer
		ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, float64(space.Free))
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
