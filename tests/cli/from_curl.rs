//! Lines of curl from the documentation of public APIs, carried over: the line that is printed makes the request that
//! curl makes. Tokens and names are placeholders, as they are there.
use crate::support::{Dir, Request, Runner, Server, binary, conn, dir, need, test};

/// A curl command that can be carried over.
struct Line {
    /// The page that has a line of this form.
    page: &'static str,
    curl: &'static str,
    authpost: &'static str,
    /// What the notes say to put into which file.
    secrets: &'static [(&'static str, &'static str)],
}

const TOKEN: &str = ".api-token";
const PASSWORD: &str = ".api-password";
const HEADERS: &str = ".api-headers";
const URL_FILE: &str = ".api-url";

const LINES: &[Line] = &[
    Line {
        page: "https://docs.github.com/en/rest/issues/issues#create-an-issue",
        curl: r#"curl -L -X POST -H "Accept: application/vnd.github+json" -H "Authorization: Bearer <YOUR-TOKEN>" \
            -H "X-GitHub-Api-Version: 2022-11-28" https://api.github.com/repos/OWNER/REPO/issues \
            -d '{"title":"Found a bug","body":"I'\''m having a problem with this.","labels":["bug"]}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -H 'Accept: application/vnd.github+json' -H 'X-GitHub-Api-Version: 2022-11-28' -d '{"title":"Found a bug","body":"I'\''m having a problem with this.","labels":["bug"]}' https://api.github.com/repos/OWNER/REPO/issues"#,
        secrets: &[(TOKEN, "<YOUR-TOKEN>")],
    },
    Line {
        page: "https://docs.github.com/en/rest/repos/contents#create-or-update-file-contents",
        curl: r#"curl -L -X PUT -H "Authorization: token ghp_abc" https://api.github.com/repos/OWNER/REPO/contents/PATH \
            -d '{"message":"my commit message","content":"bXkgbmV3"}'"#,
        authpost: r#"authpost -q -X PUT --token-file ~/.api-token --auth-scheme token -d '{"message":"my commit message","content":"bXkgbmV3"}' https://api.github.com/repos/OWNER/REPO/contents/PATH"#,
        secrets: &[(TOKEN, "ghp_abc")],
    },
    Line {
        page: "https://docs.gitlab.com/api/issues/#edit-an-issue",
        curl: r#"curl --request PUT --header "PRIVATE-TOKEN: <your_access_token>" --header "Content-Type: application/json" \
            --data '{"title":"new"}' --url "https://gitlab.example.com/api/v4/projects/4/issues/85?state_event=close""#,
        authpost: r#"authpost -q -X PUT --token-file ~/.api-token --auth-header PRIVATE-TOKEN -d '{"title":"new"}' 'https://gitlab.example.com/api/v4/projects/4/issues/85?state_event=close'"#,
        secrets: &[(TOKEN, "<your_access_token>")],
    },
    Line {
        page: "https://api.slack.com/methods/chat.postMessage",
        curl: r#"curl -X POST -H 'Content-type: application/json; charset=utf-8' -H 'Authorization: Bearer xoxb-your-token' \
            --data '{"channel":"C123456","text":"I hope the tour went well, Mr. Wonka."}' https://slack.com/api/chat.postMessage"#,
        authpost: r#"authpost -q --token-file ~/.api-token -H 'Content-Type: application/json; charset=utf-8' -d '{"channel":"C123456","text":"I hope the tour went well, Mr. Wonka."}' https://slack.com/api/chat.postMessage"#,
        secrets: &[(TOKEN, "xoxb-your-token")],
    },
    Line {
        page: "https://discord.com/developers/docs/resources/message#create-message",
        curl: r#"curl -X POST -H "Authorization: Bot MTk4NjIy" -H "User-Agent: DiscordBot (https://example.com, 1.0)" \
            -H "Content-Type: application/json" -d '{"content":"Hello, World!","tts":false}' \
            https://discord.com/api/v10/channels/41771983423143937/messages"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme Bot -H 'User-Agent: DiscordBot (https://example.com, 1.0)' -d '{"content":"Hello, World!","tts":false}' https://discord.com/api/v10/channels/41771983423143937/messages"#,
        secrets: &[(TOKEN, "MTk4NjIy")],
    },
    Line {
        page: "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/api-getting-started",
        curl: r#"curl --request POST \
            --url https://api.sendgrid.com/v3/mail/send \
            --header 'Authorization: Bearer YOUR_API_KEY' \
            --header 'Content-Type: application/json' \
            --data '{
              "personalizations": [{"to": [{"email": "recipient@example.com"}]}],
              "from": {"email": "sender@example.com"},
              "subject": "100% of it\n",
              "content": [{"type": "text/plain", "value": "Easy"}]
            }'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"personalizations": [{"to": [{"email": "recipient@example.com"}]}],"from": {"email": "sender@example.com"},"subject": "100'\%' of it\n","content": [{"type": "text/plain", "value": "Easy"}]}' https://api.sendgrid.com/v3/mail/send"#,
        secrets: &[(TOKEN, "YOUR_API_KEY")],
    },
    Line {
        page: "https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/create/",
        curl: r#"curl https://api.cloudflare.com/client/v4/zones/$ZONE_ID/dns_records -H 'Content-Type: application/json' \
            -H "X-Auth-Email: user@example.com" -H "X-Auth-Key: 144c9defac04969c7bfad8efaa8ea194" \
            -d '{"name":"example.com","ttl":3600,"type":"A","content":"198.51.100.4","proxied":true}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header X-Auth-Key -H 'X-Auth-Email: user@example.com' -d '{"name":"example.com","ttl":3600,"type":"A","content":"198.51.100.4","proxied":true}' https://api.cloudflare.com/client/v4/zones//dns_records"#,
        secrets: &[(TOKEN, "144c9defac04969c7bfad8efaa8ea194")],
    },
    Line {
        page: "https://docs.digitalocean.com/reference/api/example-usage/",
        curl: r#"curl -X POST "https://api.digitalocean.com/v2/droplets" \
            -d'{"name":"My-Droplet","region":"nyc3","size":"s-1vcpu-1gb","image":"ubuntu-20-04-x64"}' \
            -H "Authorization: Bearer 77e027c7447f4680" -H "Content-Type: application/json""#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"name":"My-Droplet","region":"nyc3","size":"s-1vcpu-1gb","image":"ubuntu-20-04-x64"}' https://api.digitalocean.com/v2/droplets"#,
        secrets: &[(TOKEN, "77e027c7447f4680")],
    },
    Line {
        page: "https://developer.pagerduty.com/docs/send-alert-event",
        curl: r#"curl --request 'POST' --url 'https://events.pagerduty.com/v2/enqueue' --header 'Content-Type: application/json' \
            --data '{"payload":{"summary":"Test alert","severity":"critical","source":"Alert source"},"event_action":"trigger"}'"#,
        authpost: r#"authpost -q --no-auth -d '{"payload":{"summary":"Test alert","severity":"critical","source":"Alert source"},"event_action":"trigger"}' https://events.pagerduty.com/v2/enqueue"#,
        secrets: &[],
    },
    Line {
        page: "https://developer.pagerduty.com/api-reference/a7d81b0e9200f-create-an-incident",
        curl: r#"curl --request POST --url https://api.pagerduty.com/incidents --header 'Accept: application/json' \
            --header 'Authorization: Token token=y_NbAkKc66ryYTWUXYEu' --header 'Content-Type: application/json' --header 'From: ' \
            --data '{"incident":{"type":"incident","title":"The server is on fire."}}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme Token -d '{"incident":{"type":"incident","title":"The server is on fire."}}' https://api.pagerduty.com/incidents"#,
        secrets: &[(TOKEN, "token=y_NbAkKc66ryYTWUXYEu")],
    },
    Line {
        page: "https://docs.datadoghq.com/api/latest/metrics/#submit-metrics",
        curl: r#"curl -X POST "https://api.datadoghq.com/api/v2/series" -H "Accept: application/json" \
            -H "Content-Type: application/json" -H "DD-API-KEY: ${DD_API_KEY:-0123}" -d @- << EOF
            {"series":[{"metric":"system.load.1","type":0,"points":[{"timestamp":1636629071,"value":0.7}]}]}
EOF"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header DD-API-KEY -d @- https://api.datadoghq.com/api/v2/series"#,
        secrets: &[(TOKEN, "0123")],
    },
    Line {
        page: "https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor",
        curl: r#"curl -X POST "https://api.datadoghq.com/api/v1/monitor" -H "Content-Type: application/json" -H "DD-API-KEY: dd-1" \
            -H "DD-APPLICATION-KEY: dd-2" -d '{"type":"query alert","query":"avg(last_5m):sum:system.net.bytes_rcvd{host:host0} > 100"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header DD-API-KEY --header-file ~/.api-headers -d '{"type":"query alert","query":"avg(last_5m):sum:system.net.bytes_rcvd{host:host0} > 100"}' https://api.datadoghq.com/api/v1/monitor"#,
        secrets: &[(TOKEN, "dd-1"), (HEADERS, "DD-APPLICATION-KEY: dd-2")],
    },
    Line {
        page: "https://platform.openai.com/docs/api-reference/chat/create",
        curl: r#"curl https://api.openai.com/v1/chat/completions -H "Content-Type: application/json" \
            -H "Authorization: Bearer $OPENAI_API_KEY" \
            -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello!"}]}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello!"}]}' https://api.openai.com/v1/chat/completions"#,
        secrets: &[(TOKEN, "sk-openai")],
    },
    Line {
        page: "https://docs.anthropic.com/en/api/messages",
        curl: r#"curl https://api.anthropic.com/v1/messages --header "x-api-key: $ANTHROPIC_API_KEY" \
            --header "anthropic-version: 2023-06-01" --header "content-type: application/json" --data \
            '{"model":"claude","max_tokens":1024,"messages":[{"role":"user","content":"Hello, world"}]}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header x-api-key -H 'anthropic-version: 2023-06-01' -d '{"model":"claude","max_tokens":1024,"messages":[{"role":"user","content":"Hello, world"}]}' https://api.anthropic.com/v1/messages"#,
        secrets: &[(TOKEN, "sk-ant")],
    },
    Line {
        page: "https://developers.notion.com/reference/post-page",
        curl: r#"curl 'https://api.notion.com/v1/pages' -H 'Authorization: Bearer '"$NOTION_API_KEY"'' \
            -H "Content-Type: application/json" -H "Notion-Version: 2022-06-28" \
            --data '{"parent":{"database_id":"d9824bdc"},"icon":{"emoji":"🥬"}}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -H 'Notion-Version: 2022-06-28' -d '{"parent":{"database_id":"d9824bdc"},"icon":{"emoji":"🥬"}}' https://api.notion.com/v1/pages"#,
        secrets: &[(TOKEN, "secret_notion")],
    },
    Line {
        page: "https://linear.app/developers/graphql",
        curl: r#"curl -X POST -H "Content-Type: application/json" -H "Authorization: lin_api_key" \
            --data '{ "query": "{ issues { nodes { id title } } }" }' https://api.linear.app/graphql"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header Authorization -d '{ "query": "{ issues { nodes { id title } } }" }' https://api.linear.app/graphql"#,
        secrets: &[(TOKEN, "lin_api_key")],
    },
    Line {
        page: "https://core.telegram.org/bots/api#sendmessage",
        curl: r#"curl -sSf -X POST -H 'Content-Type: application/json' -d '{"chat_id": "@channel", "text": "50% done"}' \
            'https://api.telegram.org/bot123456:ABC-DEF/sendMessage' -o /dev/null -w '%{http_code}\n'"#,
        authpost: r#"authpost -q -d '{"chat_id": "@channel", "text": "50'\%' done"}' --url-file ~/.api-url"#,
        secrets: &[(
            URL_FILE,
            "https://api.telegram.org/bot123456:ABC-DEF/sendMessage",
        )],
    },
    Line {
        page: "https://api.slack.com/messaging/webhooks",
        curl: r#"curl -X POST -H 'Content-type: application/json' --data '{"text":"Hello, World!"}' https://hooks.slack.com/services/T0/B0/XX"#,
        authpost: r#"authpost -q -d '{"text":"Hello, World!"}' --url-file ~/.api-url"#,
        secrets: &[(URL_FILE, "https://hooks.slack.com/services/T0/B0/XX")],
    },
    Line {
        page: "https://developers.google.com/workspace/chat/quickstart/webhooks",
        curl: r#"curl -d '{"text":"Hello"}' -H 'Content-Type: application/json; charset=UTF-8' 'https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIza&token=t0k'"#,
        authpost: r#"authpost -q -H 'Content-Type: application/json; charset=UTF-8' -d '{"text":"Hello"}' --url-file ~/.api-url"#,
        secrets: &[(
            URL_FILE,
            "https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIza&token=t0k",
        )],
    },
    Line {
        page: "https://grafana.com/docs/grafana/latest/developers/http_api/annotations/",
        curl: r#"curl -X POST -u admin:admin -H 'Content-Type: application/json' -H 'Accept: application/json' \
            --data-binary '{"time":1507037197339,"tags":["tag1"],"text":"Annotation"}' https://grafana.example.com/api/annotations"#,
        authpost: r#"authpost -q --token-file ~/.api-password --auth-scheme Basic -d '{"time":1507037197339,"tags":["tag1"],"text":"Annotation"}' https://grafana.example.com/api/annotations"#,
        secrets: &[(PASSWORD, "admin:admin")],
    },
    Line {
        page: "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-index",
        curl: r#"curl --cacert ca.pem --request POST 'https://es.example.com:9200/my-index/_doc/?refresh' \
            --header "Authorization: ApiKey VnVhQ2ZHY0==" --header "Content-Type: application/json" \
            --data '{"@timestamp":"2099-11-15T13:12:00","message":"GET /search HTTP/1.1 200"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme ApiKey --cacert ca.pem -d '{"@timestamp":"2099-11-15T13:12:00","message":"GET /search HTTP/1.1 200"}' 'https://es.example.com:9200/my-index/_doc/?refresh'"#,
        secrets: &[(TOKEN, "VnVhQ2ZHY0==")],
    },
    Line {
        page: "https://docs.splunk.com/Documentation/Splunk/latest/Data/HECExamples",
        curl: r#"curl -k "https://mysplunkserver.example.com:8088/services/collector" \
            -H "Authorization: Splunk CF179AE4-3C99-45F5-A7CC-3284AA91CF67" \
            -d '{"event": "Hello, world!", "sourcetype": "manual"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme Splunk --insecure -d '{"event": "Hello, world!", "sourcetype": "manual"}' https://mysplunkserver.example.com:8088/services/collector"#,
        secrets: &[(TOKEN, "CF179AE4-3C99-45F5-A7CC-3284AA91CF67")],
    },
    Line {
        page: "https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs",
        curl: r#"curl -H "Content-Type: application/json" -s -X POST "https://loki.example.com:3100/loki/api/v1/push" \
            --data-raw '{"streams": [{ "stream": { "foo": "bar2" }, "values": [ [ "1570818238000000000", "fizzbuzz" ] ] }]}'"#,
        authpost: r#"authpost -q --no-auth -d '{"streams": [{ "stream": { "foo": "bar2" }, "values": [ [ "1570818238000000000", "fizzbuzz" ] ] }]}' https://loki.example.com:3100/loki/api/v1/push"#,
        secrets: &[],
    },
    Line {
        page: "https://vercel.com/docs/rest-api/reference/endpoints/deployments",
        curl: r#"curl --request POST --url 'https://api.vercel.com/v13/deployments?forceNew=0&skipAutoDetectionConfirmation=0' \
            --header 'Authorization: Bearer <token>' --header 'Content-Type: application/json' --data '{"name":"my-instant-deployment"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"name":"my-instant-deployment"}' 'https://api.vercel.com/v13/deployments?forceNew=0&skipAutoDetectionConfirmation=0'"#,
        secrets: &[(TOKEN, "<token>")],
    },
    Line {
        page: "https://devcenter.heroku.com/articles/platform-api-reference#app-create",
        curl: r#"curl -nX POST https://api.heroku.com/apps -d '{"name":"example","stack":"heroku-24"}' \
            -H "Content-Type: application/json" -H "Accept: application/vnd.heroku+json; version=3""#,
        authpost: r#"authpost -q --token-file ~/.api-password --auth-scheme Basic -H 'Accept: application/vnd.heroku+json; version=3' -d '{"name":"example","stack":"heroku-24"}' https://api.heroku.com/apps"#,
        secrets: &[(PASSWORD, "me:netrc-password")],
    },
    Line {
        page: "https://docs.hetzner.cloud/reference/cloud#servers-create-a-server",
        curl: r#"curl -X POST -H "Authorization: Bearer $API_TOKEN" -H "Content-Type: application/json" \
            -d '{"name":"my-server","server_type":"cpx11","image":"ubuntu-24.04"}' "https://api.hetzner.cloud/v1/servers""#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"name":"my-server","server_type":"cpx11","image":"ubuntu-24.04"}' https://api.hetzner.cloud/v1/servers"#,
        secrets: &[(TOKEN, "hcloud-t0ken")],
    },
    Line {
        page: "https://developer.atlassian.com/jiradev/jira-apis/jira-rest-apis/jira-rest-api-tutorials/jira-rest-api-example-create-issue",
        curl: r#"curl -D- -u fred:fred -X POST --data @payload.json -H "Content-Type: application/json" https://jira.example.com/rest/api/2/issue/"#,
        authpost: r#"authpost -q --token-file ~/.api-password --auth-scheme Basic -d @payload.json https://jira.example.com/rest/api/2/issue/"#,
        secrets: &[(PASSWORD, "fred:fred")],
    },
    Line {
        page: "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket",
        curl: r#"curl https://example.zendesk.com/api/v2/tickets.json -d '{"ticket": {"subject": "My printer is on fire!"}}' \
            -H "Content-Type: application/json" -v -u jdoe@example.com/token:6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv -X POST"#,
        authpost: r#"authpost -q --token-file ~/.api-password --auth-scheme Basic -d '{"ticket": {"subject": "My printer is on fire!"}}' https://example.zendesk.com/api/v2/tickets.json"#,
        secrets: &[(
            PASSWORD,
            "jdoe@example.com/token:6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv",
        )],
    },
    Line {
        page: "https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/patch-crm-v3-objects-contacts-contactId",
        curl: r#"curl --request PATCH --url 'https://api.hubapi.com/crm/v3/objects/contacts/512' \
            --header 'authorization: Bearer YOUR_ACCESS_TOKEN' --header 'content-type: application/json' \
            --data '{"properties":{"phone":"(555) 555-5555"}}'"#,
        authpost: r#"authpost -q -X PATCH --token-file ~/.api-token -d '{"properties":{"phone":"(555) 555-5555"}}' https://api.hubapi.com/crm/v3/objects/contacts/512"#,
        secrets: &[(TOKEN, "YOUR_ACCESS_TOKEN")],
    },
    Line {
        page: "https://airtable.com/developers/web/api/create-records",
        curl: r#"curl -X POST "https://api.airtable.com/v0/app1/My%20Table" -H "Authorization: Bearer YOUR_TOKEN" \
            -H "Content-Type: application/json" --data '{"records":[{"fields":{"Address":"333 Post St"}}]}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"records":[{"fields":{"Address":"333 Post St"}}]}' https://api.airtable.com/v0/app1/My\%20Table"#,
        secrets: &[(TOKEN, "YOUR_TOKEN")],
    },
    Line {
        page: "https://developer.okta.com/docs/guides/quickstart/website/try-api/",
        curl: r#"curl -v -X POST -H "Accept: application/json" -H "Content-Type: application/json" -H "Authorization: SSWS 00QCjAl4" \
            -d '{"profile":{"firstName":"Isaac","email":"isaac.brock@example.com"}}' "https://dev-33337.okta.com/api/v1/users?activate=false""#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme SSWS -d '{"profile":{"firstName":"Isaac","email":"isaac.brock@example.com"}}' 'https://dev-33337.okta.com/api/v1/users?activate=false'"#,
        secrets: &[(TOKEN, "00QCjAl4")],
    },
    Line {
        page: "https://auth0.com/docs/api/management/v2/users/post-users",
        curl: r#"curl -L -g --request POST 'https://your-tenant.auth0.com/api/v2/users' --header 'Content-Type: application/json' \
            --header 'X-Correlation;' --oauth2-bearer MGMT_API_ACCESS_TOKEN --data-raw '{"email":"jane@example.com"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token -H X-Correlation: -d '{"email":"jane@example.com"}' https://your-tenant.auth0.com/api/v2/users"#,
        secrets: &[(TOKEN, "MGMT_API_ACCESS_TOKEN")],
    },
    Line {
        page: "https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-secret",
        curl: r#"curl --header "X-Vault-Token: hvs.CAES" --header 'X-Vault-Namespace: ns1/' --request POST --data @payload.json \
            https://vault.example.com:8200/v1/secret/data/my-secret"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header X-Vault-Token -H 'X-Vault-Namespace: ns1/' -d @payload.json https://vault.example.com:8200/v1/secret/data/my-secret"#,
        secrets: &[(TOKEN, "hvs.CAES")],
    },
    Line {
        page: "https://developer.hashicorp.com/consul/api-docs/agent/service#register-service",
        curl: r#"curl --request PUT --data @payload.json -H 'X-Consul-Token: 0bc6bc46' 'https://consul.example.com/v1/agent/service/register?replace-existing-checks=true'"#,
        authpost: r#"authpost -q -X PUT --token-file ~/.api-token --auth-header X-Consul-Token -d @payload.json 'https://consul.example.com/v1/agent/service/register?replace-existing-checks=true'"#,
        secrets: &[(TOKEN, "0bc6bc46")],
    },
    Line {
        page: "https://docs.opsgenie.com/docs/alert-api#create-alert",
        curl: r#"curl -X POST https://api.opsgenie.com/v2/alerts -H "Content-Type: application/json" \
            -H "Authorization: GenieKey eb243592-faa2-4ba2-a551q-1afdf565c889" -d '{"message": "An example","priority":"P1"}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme GenieKey -d '{"message": "An example","priority":"P1"}' https://api.opsgenie.com/v2/alerts"#,
        secrets: &[(TOKEN, "eb243592-faa2-4ba2-a551q-1afdf565c889")],
    },
    Line {
        page: "https://docs.netlify.com/api/get-started/#make-a-request",
        curl: r#"curl -X POST -d '{}' -sS -m 30 --retry 3 --retry-delay 2 --connect-timeout 5 -A 'MyApp (me@example.com)' \
            -H "Authorization: Bearer $NETLIFY" --compressed https://api.netlify.com/api/v1/sites/1/builds"#,
        authpost: r#"authpost -q --token-file ~/.api-token --tries 4 -H 'User-Agent: MyApp (me@example.com)' --timeout 30s --connect-timeout 5s --wait 2s -d '{}' https://api.netlify.com/api/v1/sites/1/builds"#,
        secrets: &[(TOKEN, "nfp_t0ken")],
    },
    Line {
        page: "https://circleci.com/docs/guides/toolkit/api-developers-guide/",
        curl: r#"curl -X POST https://circleci.com/api/v2/project/gh/org/repo/pipeline --header "Circle-Token: $CIRCLE_TOKEN" \
            --header "content-type: application/json" --data '{"branch":"main","parameters":{"run":true}}'"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-header Circle-Token -d '{"branch":"main","parameters":{"run":true}}' https://circleci.com/api/v2/project/gh/org/repo/pipeline"#,
        secrets: &[(TOKEN, "CCIPAT_t0ken")],
    },
    Line {
        page: "https://www.jenkins.io/doc/book/using/remote-access-api/",
        curl: r#"curl -X POST -L --user your-user-name:apiToken https://jenkins.example.com/job/your_job/build"#,
        authpost: r#"authpost -q --token-file ~/.api-password --auth-scheme Basic --no-body https://jenkins.example.com/job/your_job/build"#,
        secrets: &[(PASSWORD, "your-user-name:apiToken")],
    },
    Line {
        page: "https://developers.home-assistant.io/docs/api/rest/",
        curl: r#"curl -H "Authorization: Bearer TOKEN" -H "Content-Type: application/json" -d '{"state": "25", "attributes": {"unit_of_measurement": "°C"}}' \
            https://home.example.com/api/states/sensor.kitchen_temperature"#,
        authpost: r#"authpost -q --token-file ~/.api-token -d '{"state": "25", "attributes": {"unit_of_measurement": "°C"}}' https://home.example.com/api/states/sensor.kitchen_temperature"#,
        secrets: &[(TOKEN, "TOKEN")],
    },
    Line {
        page: "https://docs.ntfy.sh/publish/#publish-as-json",
        curl: r#"curl https://ntfy.sh -d '{"topic":"mytopic","message":"Disk space is low at 5.1 GB","tags":["warning","cd"]}'"#,
        authpost: r#"authpost -q --no-auth -d '{"topic":"mytopic","message":"Disk space is low at 5.1 GB","tags":["warning","cd"]}' https://ntfy.sh"#,
        secrets: &[],
    },
    Line {
        page: "https://docs.influxdata.com/influxdb/v2/api/v2/#operation/PostBuckets",
        curl: r#"curl --request POST "https://influx.example.com:8086/api/v2/buckets" --header "Authorization: Token INFLUX_TOKEN" \
            --json '{"orgID": "INFLUX_ORG_ID","name": "iot\\center"}' --fail-with-body"#,
        authpost: r#"authpost -q --token-file ~/.api-token --auth-scheme Token -d '{"orgID": "INFLUX_ORG_ID","name": "iot\''\center"}' https://influx.example.com:8086/api/v2/buckets"#,
        secrets: &[(TOKEN, "INFLUX_TOKEN")],
    },
];

/// Lines of curl that cannot be carried over, and why.
const IMPOSSIBLE: &[(&str, &str, &str)] = &[
    (
        "https://docs.stripe.com/api/charges/create",
        r#"curl https://api.stripe.com/v1/charges -u "sk_test_4eC39H:" -d amount=1099 -d currency=usd -d source=tok_visa"#,
        "the document is a form: the document is always JSON, never a form; an item can hold the text of a file",
    ),
    (
        "https://www.twilio.com/docs/messaging/api/message-resource",
        r#"curl -X POST https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json --data-urlencode "Body=Hi" -u AC1:token"#,
        "--data-urlencode: the document is always JSON, never a form; an item can hold the text of a file",
    ),
    (
        "https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages",
        r#"curl -s --user 'api:key' https://api.mailgun.net/v3/example.com/messages -F from='me <me@example.com>' -F text='Hi'"#,
        "-F: the document is always JSON, never a form; an item can hold the text of a file",
    ),
    (
        "https://docs.influxdata.com/influxdb/v2/write-data/developer-tools/api/",
        r#"curl --request POST 'https://influx.example.com/api/v2/write?org=o' -H 'Authorization: Token t' --data-binary 'home,room=Kitchen temp=21.1 1641024000'"#,
        "the document is a form: the document is always JSON, never a form; an item can hold the text of a file",
    ),
    (
        "https://docs.splunk.com/Documentation/Splunk/latest/Data/HECExamples",
        r#"curl https://splunk.example.com:8088/services/collector -H 'Authorization: Splunk CF17' -d '{"event": "1"}{"event": "2"}'"#,
        "the document is not JSON, and authpost sends nothing else: *",
    ),
    (
        "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk",
        r#"curl -H 'Content-Type: application/x-ndjson' -XPOST 'https://es.example.com/_bulk' --data-binary '@accounts.json'"#,
        "the document is NDJSON, one JSON text per line",
    ),
    (
        "https://docs.github.com/en/rest/issues/issues#list-repository-issues",
        r#"curl -H 'Authorization: Bearer s3cret' https://api.github.com/repos/OWNER/REPO/issues"#,
        "it makes a GET: authpost sends a document by POST, PUT or PATCH; use curl for other methods",
    ),
    (
        "https://docs.ntfy.sh/publish/",
        r#"curl -d "Backup successful 😀" ntfy.sh/mytopic"#,
        "the document is not JSON, and authpost sends nothing else: *",
    ),
    (
        "https://www.jenkins.io/doc/book/using/remote-access-api/",
        r#"curl -X POST JENKINS_URL/job/JOB_NAME/build --user USER:TOKEN --form json='{"parameter": [{"name":"id", "value":"123"}]}'"#,
        "--form: the document is always JSON, never a form; an item can hold the text of a file",
    ),
    (
        "https://pushover.net/api",
        r#"curl -s --form-string "token=abc123" --form-string "user=user123" https://api.pushover.net/1/messages.json"#,
        "--form-string: the document is always JSON, never a form; an item can hold the text of a file",
    ),
];

/// Runs a script with authpost on its path, and with what the curl commands name.
fn shell(script: &str, home: &Dir) -> Runner {
    let bin = binary();
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    Runner::program("/bin/sh")
        .args(["-c", script])
        .in_dir(home)
        .env("PATH", path)
        .env("HOME", home.path())
        .env("OPENAI_API_KEY", "sk-openai")
        .env("ANTHROPIC_API_KEY", "sk-ant")
        .env("NOTION_API_KEY", "secret_notion")
        .env("API_TOKEN", "hcloud-t0ken")
        .env("NETLIFY", "nfp_t0ken")
        .env("CIRCLE_TOKEN", "CCIPAT_t0ken")
        .file("payload.json", r#"{"data":{"password":"pa%ss"}}"#)
        .file(
            ".netrc",
            "machine 127.0.0.1 login me password netrc-password\n",
        )
}

/// What authpost makes of a curl command.
fn carried(curl: &str, home: &Dir) -> Runner {
    shell(&format!("authpost from-curl {curl}"), home)
}

/// The line with the server in the place of the API.
fn to(server: &Server, line: &str) -> String {
    let (before, rest) = line.split_once("https://").unwrap();
    // In two lines another URL comes first, in a header.
    if before.ends_with('(') {
        return format!("{before}https://{}", to(server, rest));
    }
    let end = rest.find(['/', '\'', '"', ' ']).unwrap_or(rest.len());
    let base = server.url("/");
    format!("{before}{}{}", base.trim_end_matches('/'), &rest[end..])
}

/// The headers that curl sends on its own account.
fn is_own(name: &str, value: &str) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "host" | "content-length" => true,
        "accept" => value == "*/*",
        "accept-encoding" => true,
        "content-type" => value == "application/x-www-form-urlencoded",
        "user-agent" => value.starts_with("curl/"),
        _ => false,
    }
}

/// The body; of one with several lines what one line has room for, because curl takes the line breaks out of a file, and
/// authpost those out of an argument.
fn body(request: &Request, lays_out: bool) -> String {
    let text = request.text();
    match lays_out {
        true => text.split('\n').map(str::trim).collect(),
        false => text.to_owned(),
    }
}

#[test]
fn documented_lines_make_the_same_request() {
    if !need("curl") {
        return;
    }
    assert!(LINES.len() + IMPOSSIBLE.len() >= 40);
    for line in LINES {
        let home = dir();
        let printed = carried(line.curl, &home).run();
        let printed = printed
            .stdout(format!("{}\n", line.authpost))
            .stderr_like("authpost: **")
            .code(0);
        for (_, secret) in line.secrets {
            let secret = secret.rsplit(": ").next().unwrap();
            assert!(!printed.stdout.contains(secret), "{}", line.page);
            assert!(!printed.stderr.contains(secret), "{}", line.page);
        }
        let answer = || conn().read().reply_json(200, "{}");
        let server = Server::script([answer(), answer()]);
        let curl = to(&server, line.curl).replacen("curl ", "curl --noproxy '*' ", 1);
        shell(&curl, &home)
            .file("ca.pem", "")
            .run()
            .stdout_like("**")
            .stderr_like("**")
            .code(0);
        let here_document = line
            .curl
            .split_once("<< ")
            .map_or(String::new(), |(_, text)| format!(" << {text}"));
        let sent = match line.authpost.contains(" --url-file ") {
            true => line.authpost.to_owned(),
            false => to(&server, line.authpost),
        };
        let sent = sent.replace(" --cacert ca.pem", "") + &here_document;
        let mut run = shell(&sent, &home);
        for (file, secret) in line.secrets {
            run = match *file == URL_FILE {
                true => run.file(*file, to(&server, secret)),
                false => run.file(*file, *secret),
            };
        }
        run.run().stderr_like("**").code(0);
        let [theirs, ours] = &server.requests()[..] else {
            panic!("{}: two requests", line.page);
        };
        assert_eq!(ours.line(), theirs.line(), "{}", line.page);
        let lays_out = line.curl.contains("<<") || theirs.body().contains(&b'\n');
        assert_eq!(
            body(ours, lays_out),
            body(theirs, lays_out),
            "{}",
            line.page
        );
        for (name, value) in theirs.fields().filter(|(name, value)| !is_own(name, value)) {
            assert_eq!(ours.headers(name), [value], "{}: {name}", line.page);
        }
    }
}

#[test]
fn what_cannot_be_carried_over_is_said_and_nothing_is_printed() {
    for (page, curl, why) in IMPOSSIBLE {
        let hint = match why.contains("NDJSON") {
            true => {
                "authpost --lines FILE --group 1000 --group-format ndjson URL sends such a file"
            }
            false => "keep curl for this request",
        };
        let why = match why.split_once(':') {
            Some((option, rest)) if option.starts_with('-') => {
                format!("authpost has nothing like {option}:{rest}")
            }
            _ => (*why).to_owned(),
        };
        let ran = carried(curl, &dir()).run();
        let pattern = format!("authpost: carrying over the curl command: {why}\nhint: {hint}\n");
        let out = ran.stderr_like(&pattern).code(64);
        assert!(out.stdout.is_empty(), "{page}");
    }
}

const URL: &str = "https://api.example.com/data";

/// Runs `from-curl` with these arguments; what is printed.
#[track_caller]
fn prints(args: &[&str], line: &str, notes: &[&str]) {
    let notes: String = notes
        .iter()
        .map(|note| format!("authpost: {note}\n"))
        .collect();
    let run = test().exactly().arg("from-curl").args(args).run();
    run.stdout(format!("{line}\n")).stderr(notes).code(0);
}

const CRON: &str = "in a crontab, write the times before the line, and the full path of authpost";
const QUIET: &str = "in a crontab, write the times before the line, and the full path of authpost; to see the answer, leave out -q";
const HISTORY: &str =
    "the shell's history has the curl command: if the secret is in it, delete it there";

#[test]
fn the_notes_say_what_to_do_with_each_secret() {
    let token = "install -m 600 /dev/stdin ~/.api-token";
    prints(
        &[
            "curl",
            "-sS",
            "-H",
            "Authorization: Bearer X",
            "--json",
            "{}",
            URL,
        ],
        "authpost -q --token-file ~/.api-token -d '{}' https://api.example.com/data",
        &[
            &format!("save the token, without 'Bearer', in ~/.api-token: {token}"),
            HISTORY,
            QUIET,
        ],
    );
    prints(
        &[
            "-H",
            "Authorization: Basic bWU6cHc=",
            "-b",
            "id=7",
            "-HX-Secret: s3cret",
            "-XPOST",
            URL,
        ],
        "authpost -q --token-file ~/.api-password --auth-scheme Basic --header-file ~/.api-headers --no-body https://api.example.com/data",
        &[
            "save user:password, decoded from base64, in ~/.api-password: install -m 600 /dev/stdin ~/.api-password",
            "save 'NAME: VALUE', a line for each of Cookie, X-Secret, in ~/.api-headers: install -m 600 /dev/stdin ~/.api-headers",
            HISTORY,
            QUIET,
        ],
    );
    // A password in the URL leaves it.
    prints(
        &["--json", "{}", "https://me:pw@api.example.com/data#top"],
        "authpost -q --token-file ~/.api-password --auth-scheme Basic -d '{}' https://api.example.com/data",
        &[
            "save user:password in ~/.api-password: install -m 600 /dev/stdin ~/.api-password",
            HISTORY,
            QUIET,
        ],
    );
    prints(
        &[
            "-d",
            r#"{"event":"e","routing_key":"r"}"#,
            "https://x.example/hook?sig=s3cret",
        ],
        r#"authpost -q -d '{"event":"e","routing_key":"r"}' --url-file ~/.api-url"#,
        &[
            "save the URL in ~/.api-url: install -m 600 /dev/stdin ~/.api-url",
            HISTORY,
            "if \"routing_key\" in the document is a secret, put the document into a file, and write -d @FILE",
            QUIET,
        ],
    );
    // Variables that are not set.
    prints(
        &[
            "-HAuthorization: ",
            "-HX-Api-Key:",
            "-HX-Plain:",
            "-Xpost",
            "-d@/a.json",
            URL,
        ],
        "authpost -q --token-file ~/.api-token --auth-header Authorization --header-file ~/.api-headers -d @/a.json https://api.example.com/data",
        &[
            &format!("save the value of Authorization in ~/.api-token: {token}"),
            "save 'NAME: VALUE', a line for each of X-Api-Key, in ~/.api-headers: install -m 600 /dev/stdin ~/.api-headers",
            HISTORY,
            QUIET,
        ],
    );
    prints(
        &["-HX-Api-Key: s", "--json", "{}", "api.example.com/data"],
        "authpost -q --token-file ~/.api-token --auth-header X-Api-Key --allow-http -d '{}' http://api.example.com/data",
        &[
            &format!("save the value of X-Api-Key in ~/.api-token: {token}"),
            HISTORY,
            "--allow-http: anyone on the network path can read the secret over plain http; use https if the API has it",
            QUIET,
        ],
    );
}

#[test]
fn what_is_lost_is_said_by_the_name_that_was_used() {
    prints(
        &[
            "-sSfiLkw%{http_code}",
            "--location",
            "--json",
            "{}",
            "-o",
            "my answer",
            URL,
        ],
        "authpost --no-auth --insecure -d '{}' https://api.example.com/data > 'my answer'",
        &[
            "not carried over: -i: -v prints the headers to standard error",
            "not carried over: -L: redirects are never followed, because they can lead the token elsewhere; give the final URL",
            "-k: trust the API's own CA, or say --insecure if the token may be seen",
            "not carried over: -w: --report prints status, time and answer as a line of JSON",
            "not carried over: --location: redirects are never followed, because they can lead the token elsewhere; give the final URL",
            "cron runs the line in the home directory: write the full path of my answer",
            CRON,
        ],
    );
    prints(
        &[
            "--http2",
            "--resolve",
            "api.example.com:443:127.0.0.1",
            "--no-keepalive",
            "-HExpect: 100-continue",
            "-HIdempotency-Key: 7",
            "-HX-Idempotency-Key: 7",
            "--cert",
            "client.pem:password",
            "--key",
            "client.key",
            "-x",
            "http://me:pw@proxy:3128",
            "-b",
            "jar.txt",
            "--retry-max-time",
            "60",
            "-m",
            "2.5",
            "-4",
            "-d@-",
            URL,
            " ",
        ],
        "authpost -q --no-auth --idempotency-header X-Idempotency-Key --cert client.pem --key client.key --ipv4 --timeout 60s -d @- https://api.example.com/data",
        &[
            "not carried over: --http2: every request is HTTP/1.1",
            "not carried over: --resolve",
            "not carried over: a header: Expect is set by authpost itself",
            "not carried over: the value of Idempotency-Key: each document gets its own, else the API would take the next one for a repeat",
            "not carried over: the value of X-Idempotency-Key: each document gets its own, else the API would take the next one for a repeat",
            "not carried over: the password of the client's key: authpost needs a key without one",
            "not carried over: the proxy: it has a password, so put its URL into the variable HTTPS_PROXY",
            "not carried over: a file of cookies: no cookies are kept",
            "the document comes from standard input, which is empty in a crontab",
            "cron runs the line in the home directory: write the full path of client.pem, client.key",
            QUIET,
        ],
    );
}

#[test]
fn what_is_no_line_of_curl_is_an_error_without_secrets() {
    let usage = "authpost from-curl curl [OPTIONS] URL";
    let keep = "keep curl for this request";
    for (args, what, hint) in [
        (&[][..], "reading the curl command: there is no URL", usage),
        (
            &["curl", "-s"],
            "reading the curl command: there is no URL",
            usage,
        ),
        (
            &["--request=s3cret", URL],
            "reading the curl command: curl has no option '--request=…', a space separates name and value",
            usage,
        ),
        (
            &["--nope", URL],
            "reading the curl command: curl has no option --nope",
            usage,
        ),
        (
            &["-s_s3cret", URL],
            "reading the curl command: curl has no option -_",
            usage,
        ),
        (
            &[URL, "-H"],
            "reading the curl command: -H: its value is missing",
            usage,
        ),
        (
            &["-Hs3cret", URL],
            "reading the curl command: a header has no colon",
            usage,
        ),
        (
            &["-ms3cret", URL],
            "reading the curl command: -m: it is not a number of seconds",
            usage,
        ),
        (
            &["-d{}", "https://api.example.com/{id}"],
            "reading the curl command: the URL has a placeholder",
            "put the value in its place, in quotes",
        ),
        (
            &["-d{}", URL, URL],
            "carrying over the curl command: it has two URLs, and one run sends to one",
            keep,
        ),
        (
            &["-d{}", "-d@file", URL],
            "carrying over the curl command: it joins a file and another document",
            keep,
        ),
        (
            &["-d@metrics.txt", "-HContent-Type: text/plain", URL],
            "carrying over the curl command: the document is not JSON, and authpost sends nothing else",
            keep,
        ),
        (
            &["-Xs3cret", URL],
            "carrying over the curl command: its method is none of POST, PUT and PATCH: authpost sends a document by POST, PUT or PATCH; use curl for other methods",
            keep,
        ),
        (
            &["-d{}", "-xsocks5://proxy", URL],
            "carrying over the curl command: SOCKS proxies are not supported",
            keep,
        ),
        (
            &["-d@a.gz", "-HContent-Encoding: gzip", URL],
            "carrying over the curl command: it sends a compressed document, and authpost sends JSON as it is",
            keep,
        ),
        (
            &["curl -d '{}' https://api.example.com/data"],
            "reading the curl command: it is one argument",
            "leave out the quotes around the line",
        ),
        (
            &["-Tfile", "https://api.example.com/"],
            "reading the curl command: -T puts the name of the file behind a URL that ends in '/'",
            "write the whole URL",
        ),
        (
            &["-d{}", "ftp://api.example.com/"],
            "reading the URL of the curl command: its scheme is 'ftp', and only https and http are supported",
            "write it as https://HOST/PATH, in quotes",
        ),
        (
            &["-d{}", "--unix-socket", "/run/x", URL],
            "carrying over the curl command: authpost has nothing like --unix-socket",
            keep,
        ),
        (
            &["-d{}", "--cacert", "a\nb", URL],
            "reading the curl command: there is a line break or a control character in it",
            usage,
        ),
    ] {
        let run = test().exactly().arg("from-curl").args(args).run();
        run.stderr(format!("authpost: {what}\nhint: {hint}\n"))
            .code(64);
    }
    // Its arguments are curl's, so it comes first.
    for args in [&["-q", "from-curl", "curl", URL][..], &["-q", "from-curl"]] {
        test()
            .exactly()
            .args(args)
            .run()
            .stderr(
                "authpost: reading the arguments: from-curl must come first\n\
                 hint: authpost from-curl curl ARGUMENT...\n",
            )
            .code(64);
    }
}

/// What a cron hands to the shell: it ends the command at a `%`, unless there is a backslash before it. The crons differ
/// in which backslashes they take away: none, those before a `%`, and those before a backslash too.
fn by_cron(line: &str, taken: &str) -> String {
    let mut out = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => break,
            '\\' => {
                let next = characters.next().unwrap();
                if !taken.contains(next) {
                    out.push(c);
                }
                out.push(next);
            }
            c => out.push(c),
        }
    }
    out
}

#[test]
fn a_shell_and_every_cron_read_the_same_words() {
    let home = dir();
    let words = |line: &str| {
        let script = format!("authpost() {{ printf '<%s>' \"$@\"; }}; {line}");
        shell(&script, &home)
            .run()
            .stdout_like("<-q>**")
            .code(0)
            .stdout
    };
    let nasty = [
        r#"{"a":"100%","b":"\\","c":"\\\\%\"'$HOME `id`\n%%"}"#,
        "[\"\\\\\\\\\", \"it's\", \"\\\\%\"]",
    ];
    let nasty = nasty.map(|json| {
        let run = test().exactly().args(["from-curl", "--json", json]);
        let url = "https://api.example.com/a%20b?c=%27&d='e'";
        let run = run.args(["-HX-Path: C:\\\\x\\%y\\", url]).run();
        let line = run
            .stdout_like("authpost **")
            .stderr_like("**")
            .code(0)
            .stdout;
        let line = line.trim_end().to_owned();
        let expected = format!("<-q><--no-auth><-H><X-Path: C:\\\\x\\%y\\><-d><{json}><{url}>");
        assert_eq!(words(&line), expected);
        line
    });
    let lines = LINES.iter().map(|line| line.authpost);
    for line in lines.chain(nasty.iter().map(String::as_str)) {
        let by_shell = words(line);
        for taken in ["", "%", "%\\"] {
            assert_eq!(words(&by_cron(line, taken)), by_shell, "{line}");
        }
    }
}
