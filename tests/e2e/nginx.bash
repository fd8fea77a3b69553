# Sourced by what needs a real server over TLS and HTTP/2: tests of fetching and their benchmark.
# serve_nginx FOLDER CONNECTIONS: its url in $url, its pid in $server (the caller ends it), a line
# "PROTOCOL CONNECTION PATH" for each request in logs/access where that file is there already; keys
# and logs lie in the working folder, which CURL_CA_BUNDLE points into. 1: it does not start.
serve_nginx() {
    local port
    mkdir -p logs
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem \
        -out ca.pem -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >nginx.conf <<NGINX
daemon off; master_process off; pid $PWD/nginx.pid; error_log $PWD/logs/error.log;
events { worker_connections $2; }
http {
    log_format short '\$server_protocol \$connection \$uri';
    $([ -f logs/access ] && echo "access_log $PWD/logs/access short;" || echo "access_log off;")
    sendfile on; keepalive_requests 100000;
    client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3;
    uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
    server {
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate $PWD/ca.pem; ssl_certificate_key $PWD/key.pem;
        location / { root $PWD/$1; }
    }
}
NGINX
    nginx -p "$PWD" -c "$PWD/nginx.conf" 2>/dev/null &
    server=$!
    export CURL_CA_BUNDLE="$PWD/ca.pem"
    url="https://localhost:$port"
    for _ in $(seq 600); do
        [ -s nginx.pid ] && return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
