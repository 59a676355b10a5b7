// A web service as most are: the kernel's own queue for connections that wait, and SIGTERM lets those that it has finish.
// BusyBox's httpd lets nine wait, and what comes on top is lost for a second, on a busy machine without any release.
package main

import (
	"context"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	stop, done := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer done()
	server := &http.Server{Addr: ":8080", Handler: http.FileServer(http.Dir("/www"))}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		<-stop.Done()
		bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(bounded)
	}()
	server.ListenAndServe()
	<-finished
}
