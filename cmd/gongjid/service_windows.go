package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"gongji/config"
)

const (
	serviceName = "gongji"
	// serviceAccount may do little: read-write in the data directory, and the ports that every user may open.
	serviceAccount = `NT AUTHORITY\LocalService`
	// dataAccess is the access list of the data directory: the system, administrators, the service; nobody else.
	dataAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;LS)"
	// patience is how long the service manager's orders may take.
	patience = 20 * time.Second
)

// runAsStarted runs the daemon as a service where the service manager started it, or else in a console. Who started it
// is what the dispatcher says, which is documented, and not what the parent process looks like.
func runAsStarted(ctx context.Context, log *slog.Logger, run func(context.Context, supervisor) error) error {
	w := &windowsService{ctx: ctx, log: log, run: run, up: make(chan struct{})}
	err := svc.Run(serviceName, w)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return run(ctx, nobody{})
	}
	if err != nil {
		return err
	}
	return w.err
}

// windowsService is the daemon as the service manager sees it.
type windowsService struct {
	nobody
	ctx context.Context
	log *slog.Logger
	run func(context.Context, supervisor) error
	up  chan struct{}
	err error
}

func (w *windowsService) serving() { close(w.up) }

// Execute runs the daemon until the service manager or the daemon itself ends it. A fault is an exit code of its own, so
// that the recovery actions start the daemon anew.
func (w *windowsService) Execute(_ []string, orders <-chan svc.ChangeRequest, state chan<- svc.Status) (bool, uint32) {
	state <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx, w) }()
	up := w.up
	for {
		select {
		case <-up:
			up = nil
			state <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
		case w.err = <-ended:
			if w.err != nil {
				w.log.Error("the daemon ended", "err", w.err.Error())
				return true, 1
			}
			return false, 0
		case order := <-orders:
			switch order.Cmd {
			case svc.Interrogate:
				state <- order.CurrentStatus
			case svc.Stop, svc.Shutdown:
				state <- svc.Status{State: svc.StopPending}
				stop()
			}
		}
	}
}

func serviceCommands() []*cobra.Command {
	cmd := &cobra.Command{
		Use: "service", Short: "Install or remove the Windows service", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("%w: service install, start, stop, status or remove", errUsage)
		},
	}
	cmd.AddCommand(serviceInstall(), serviceOrder("start", "Start the service", startService), serviceOrder("stop", "Stop the service", stopService),
		serviceOrder("status", "Say what the service does", statusOfService), serviceOrder("remove", "Stop and remove the service; the data stay", removeService))
	return []*cobra.Command{cmd}
}

func serviceInstall() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "install --config FILE", Short: "Install the service: at start-up, as LocalService, started anew after a fault", Args: cobra.NoArgs,
		Example: `  gongjid service install --config C:\ProgramData\Gongji\gongjid.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "config"); err != nil {
				return err
			}
			path, err := filepath.Abs(file)
			if err != nil {
				return err
			}
			c, err := config.Load(path)
			if err != nil {
				return err
			}
			if err := closeDirectory(c.Data); err != nil {
				return fmt.Errorf("access to %s: %w", c.Data, err)
			}
			if err := installService(path, filepath.Join(c.Data, "log", "gongjid.log")); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "服务已安装，开机自动启动；现在启动：gongjid service start / installed; start it with: gongjid service start")
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	return cmd
}

// closeDirectory makes a directory and lets nobody in but those who must.
func closeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	descriptor, err := windows.SecurityDescriptorFromString(dataAccess)
	if err != nil {
		return err
	}
	list, _, err := descriptor.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
}

func installService(config, log string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return withManager(func(m *mgr.Mgr) error {
		s, err := m.CreateService(serviceName, program, mgr.Config{
			DisplayName: "共济结算服务 Gongji", Description: "医保家庭共济柜台结算：读卡、人卡核对、账户分摊、上报。 Settlement beside the till.",
			StartType: mgr.StartAutomatic, DelayedAutoStart: true, ServiceStartName: serviceAccount,
		}, "run", "--config", config, "--log-file", log)
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		// Soon, then not so soon, then every minute; a day without a fault begins anew.
		err = s.SetRecoveryActions([]mgr.RecoveryAction{
			{Type: mgr.ServiceRestart, Delay: time.Second}, {Type: mgr.ServiceRestart, Delay: 10 * time.Second},
			{Type: mgr.ServiceRestart, Delay: time.Minute},
		}, uint32((24 * time.Hour).Seconds()))
		if err != nil {
			return errors.Join(err, s.Delete())
		}
		if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil {
			return errors.Join(err, s.Delete())
		}
		return nil
	})
}

// serviceOrder is a command that does one thing with the installed service.
func serviceOrder(name, short string, do func(*cobra.Command, *mgr.Service) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withManager(func(m *mgr.Mgr) error {
				s, err := m.OpenService(serviceName)
				if err != nil {
					return fmt.Errorf("the service %s: %w; install it with: gongjid service install", serviceName, err)
				}
				defer func() { _ = s.Close() }()
				return do(cmd, s)
			})
		},
	}
}

func withManager(do func(*mgr.Mgr) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("the service manager: %w; open the console as administrator", err)
	}
	defer func() { _ = m.Disconnect() }()
	return do(m)
}

func startService(cmd *cobra.Command, s *mgr.Service) error {
	if err := s.Start(); err != nil {
		return err
	}
	return await(cmd, s, svc.Running)
}

func stopService(cmd *cobra.Command, s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return err
	}
	return await(cmd, s, svc.Stopped)
}

func removeService(cmd *cobra.Command, s *mgr.Service) error {
	if err := stopService(cmd, s); err != nil {
		return err
	}
	return s.Delete()
}

func statusOfService(cmd *cobra.Command, s *mgr.Service) error {
	status, err := s.Query()
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), stateNames[status.State])
	return nil
}

var stateNames = map[svc.State]string{
	svc.Stopped: "已停止 / stopped", svc.StartPending: "正在启动 / starting", svc.StopPending: "正在停止 / stopping",
	svc.Running: "正在运行 / running", svc.ContinuePending: "正在恢复 / continuing", svc.PausePending: "正在暂停 / pausing", svc.Paused: "已暂停 / paused",
}

// await waits until the service is in a state, and says so.
func await(cmd *cobra.Command, s *mgr.Service, want svc.State) error {
	deadline := time.Now().Add(patience)
	for {
		status, err := s.Query()
		if err != nil {
			return err
		}
		if status.State == want {
			fmt.Fprintln(cmd.OutOrStdout(), stateNames[want])
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the service is still %s after %s; its log tells more", stateNames[status.State], patience)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
