// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "tillwire/config.h"

#define DEFAULT_RUN_DIR "/run/tillwire"
#define ANSWER_S        10L
#define MAX_ANSWER      (4 * 1024 * 1024)

struct stream {
    CURL *curl;
    tw_client_line_fn *line;
    tw_client_stop_fn *stop;
    void *ctx;
    struct tw_buf rest; // of a line that is not complete
    bool stopped;
};

// run_dir/control.sock. Without a configuration file, and none asked for, that of the default run_dir.
static bool find_socket(const struct tw_cli *cli, char path[PATH_MAX])
{
    struct tw_error_text why = {0};
    struct tw_config *config = NULL;
    if (cli->socket != NULL) {
        (void)snprintf(path, PATH_MAX, "%s", cli->socket);
        return true;
    }
    const char *file = cli->config != NULL ? cli->config : TW_CONFIG_DEFAULT_PATH;
    if (cli->config == NULL && access(file, R_OK) != 0) {
        (void)snprintf(path, PATH_MAX, "%s/control.sock", DEFAULT_RUN_DIR);
        return true;
    }
    if (tw_config_load(file, &config, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s; or name the agent's socket with --socket\n", why.text);
        return false;
    }
    (void)snprintf(path, PATH_MAX, "%s/control.sock", config->run_dir);
    tw_config_free(config);
    return true;
}

static int not_reachable(const char *path, CURLcode code, long os_error)
{
    const char *remedy = "Is tillwired running? `systemctl status tillwired` and its log say why not.";
    const char *why = os_error != 0 ? strerror((int)os_error) : curl_easy_strerror(code);
    if (os_error == EACCES || os_error == EPERM) {
        remedy = "Run this as root or as a member of the agent's group.";
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        remedy = "The agent did not answer in time; its log may say why.";
    }
    (void)fprintf(stderr, "tillwire: the agent cannot be reached on %s: %s. %s\n", path, why, remedy);
    return TW_EXIT_NO_DAEMON;
}

static CURL *prepare(const char *socket, const char *path)
{
    CURL *curl = curl_easy_init();
    char url[512];
    if (curl == NULL) {
        return NULL;
    }
    (void)snprintf(url, sizeof url, "http://localhost%s", path);
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "tillwire/" TW_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, ANSWER_S);
    return curl;
}

static size_t collect(char *bytes, size_t size, size_t count, void *ctx)
{
    struct tw_buf *answer = ctx;
    if (answer->len + size * count > MAX_ANSWER) {
        return 0;
    }
    tw_buf_add(answer, bytes, size * count);
    return size * count;
}

// An answer that is not 2xx: a problem of ours, or something else's answer on this socket.
static int refused(long status, const struct tw_buf *answer)
{
    struct tw_error_text ignored;
    tw_json *problem = NULL;
    const char *title = NULL;
    const char *detail = NULL;
    const char *field = NULL;
    if (tw_json_parse(tw_buf_slice(answer), &problem, &ignored) == TW_OK) {
        title = tw_json_text(tw_json_get(problem, "title"));
        detail = tw_json_text(tw_json_get(problem, "detail"));
        field = tw_json_text(tw_json_get(problem, "field"));
    }
    (void)fprintf(stderr, "tillwire: %s%s%s", title != NULL ? title : "the agent refused this",
                  detail != NULL ? ": " : "", detail != NULL ? detail : "");
    (void)fprintf(stderr, "%s%s%s (HTTP %ld)\n", field != NULL ? " [" : "", field != NULL ? field : "",
                  field != NULL ? "]" : "", status);
    tw_json_free(problem);
    return TW_EXIT_NOT_WELL;
}

static int understand(CURL *curl, CURLcode code, const char *socket, const struct tw_buf *answer,
                      tw_json **out)
{
    long status = 0;
    long os_error = 0;
    struct tw_error_text why = {0};
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
    if (code != CURLE_OK) {
        return not_reachable(socket, code, os_error);
    }
    if (status < 200 || status > 299) {
        return refused(status, answer);
    }
    if (tw_json_parse(tw_buf_slice(answer), out, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: what answers on %s is not the agent: %s\n", socket, why.text);
        return TW_EXIT_NO_DAEMON;
    }
    return TW_EXIT_FINE;
}

// GET, or POST of a `body` of such a type.
static int ask(const struct tw_cli *cli, const char *path, const struct tw_slice *body, const char *type,
               tw_json **out, struct tw_buf *text)
{
    char socket[PATH_MAX];
    struct tw_buf answer = {0};
    if (!find_socket(cli, socket)) {
        return TW_EXIT_USAGE;
    }
    CURL *curl = prepare(socket, path);
    struct curl_slist *headers = curl_slist_append(NULL, type);
    if (curl == NULL || headers == NULL) {
        (void)fprintf(stderr, "tillwire: out of memory\n");
        curl_slist_free_all(headers);
        return TW_EXIT_NOT_WELL;
    }
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body->ptr);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
    }
    int result = understand(curl, curl_easy_perform(curl), socket, &answer, out);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (result == TW_EXIT_FINE && text != NULL) {
        *text = answer;
    } else {
        tw_buf_free(&answer);
    }
    return result;
}

int tw_client_ask(const struct tw_cli *cli, const char *path, const struct tw_buf *body, tw_json **out,
                  struct tw_buf *text)
{
    const struct tw_slice bytes = body != NULL ? tw_buf_slice(body) : (struct tw_slice){NULL, 0};
    return ask(cli, path, body != NULL ? &bytes : NULL, "Content-Type: application/json", out, text);
}

int tw_client_send(const struct tw_cli *cli, const char *path, struct tw_slice bytes)
{
    tw_json *answer = NULL;
    int result = ask(cli, path, &bytes, "Content-Type: application/octet-stream", &answer, NULL);
    if (result == TW_EXIT_FINE) {
        tw_json_free(answer);
    }
    return result;
}

// ---- streams ----

static bool is_refused(CURL *curl)
{
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 || status > 299;
}

static size_t take_lines(char *bytes, size_t size, size_t count, void *ctx)
{
    struct stream *stream = ctx;
    size_t len = size * count;
    if (stream->rest.len + len > MAX_ANSWER) {
        return 0;
    }
    tw_buf_add(&stream->rest, bytes, len);
    if (is_refused(stream->curl)) { // a problem, whole at the end
        return len;
    }
    size_t begin = 0;
    for (size_t i = 0; i < stream->rest.len && !stream->stopped; i++) {
        if (stream->rest.ptr[i] == '\n') {
            stream->stopped = !stream->line(stream->ctx, tw_slice_make(stream->rest.ptr + begin, i - begin));
            begin = i + 1;
        }
    }
    memmove(stream->rest.ptr, stream->rest.ptr + begin, stream->rest.len - begin);
    stream->rest.len -= begin;
    return stream->stopped ? 0 : len;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    struct stream *stream = ctx;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    stream->stopped = stream->stopped || stream->stop(stream->ctx);
    return stream->stopped ? 1 : 0;
}

static int end_stream(const struct stream *stream, CURLcode code, const char *socket)
{
    long status = 0;
    long os_error = 0;
    (void)curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(stream->curl, CURLINFO_OS_ERRNO, &os_error);
    if (stream->stopped) {
        return TW_EXIT_FINE;
    }
    if (code != CURLE_OK && status == 200) {
        (void)fprintf(stderr, "tillwire: the agent on %s went away: %s\n", socket, curl_easy_strerror(code));
        return TW_EXIT_NO_DAEMON;
    }
    if (code != CURLE_OK) {
        return not_reachable(socket, code, os_error);
    }
    return is_refused(stream->curl) ? refused(status, &stream->rest) : TW_EXIT_FINE;
}

int tw_client_stream(const struct tw_cli *cli, const char *path, tw_client_line_fn *line,
                     tw_client_stop_fn *stop, void *ctx)
{
    char socket[PATH_MAX];
    struct stream stream = {.line = line, .stop = stop, .ctx = ctx};
    if (!find_socket(cli, socket)) {
        return TW_EXIT_USAGE;
    }
    CURL *curl = prepare(socket, path);
    if (curl == NULL) {
        (void)fprintf(stderr, "tillwire: out of memory\n");
        return TW_EXIT_NOT_WELL;
    }
    stream.curl = curl;
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_lines);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &stream);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stream);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, stop == NULL ? 1L : 0L);
    int result = end_stream(&stream, curl_easy_perform(curl), socket);
    curl_easy_cleanup(curl);
    tw_buf_free(&stream.rest);
    return result;
}
