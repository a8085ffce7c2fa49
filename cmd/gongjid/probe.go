package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gongji/cardreader"
)

// kindAuto asks read to find out the kind of the reader.
const kindAuto = "auto"

// probeWithin bounds probing: five speeds, and up to three questions at each.
const probeWithin = 20 * time.Second

// probeReader finds kind and speed of the reader on a port and says what to write into the configuration.
func probeReader(ctx context.Context, port string, out io.Writer) (cardreader.ProbeResult, error) {
	fmt.Fprintln(out, "正在识别读卡器；如果是扫码枪，请连续扫码。probing; if it is a scanner, scan something now")
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	found, err := cardreader.Probe(ctx, port)
	if err != nil {
		return cardreader.ProbeResult{}, explainFault(err)
	}
	if len(found) == 0 {
		return cardreader.ProbeResult{}, errors.New("没有设备应答，请检查电源、连接线和端口号。no reader answered at any speed")
	}
	r := found[0]
	fmt.Fprintf(out, "found {kind: %s, port: %s, baud: %d} %s\n", r.Kind, port, r.Baud, r.Name)
	return r, nil
}
