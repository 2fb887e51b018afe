-- History of other systems: events of many streams at once, in the order given, all or none.
-- The caller brings neither places nor a time: both are ours. p_expected: the version a stream
-- must be at, or -1 for any. A stream that moves on meanwhile meets the stream's unique key.
create function fleetlog.import_events(
    p_streams text[], p_types text[], p_expected bigint[],
    p_event_ids uuid[], p_event_streams integer[], p_event_types text[], p_versions integer[],
    p_data text[], p_metadata text[]
) returns void
language plpgsql security definer set search_path = fleetlog, pg_temp as $$
declare
    bases bigint[];
    clocks timestamptz[];
    owners text[];
    refused record;
    witness jsonb := jsonb_build_object('db_user', session_user, 'db_host', host(inet_client_addr()));
begin
    select array_agg(coalesce(l.sequence_number, 0) order by s.n),
           array_agg(greatest(l.timestamp, clock_timestamp()) order by s.n),
           array_agg(l.aggregate_type order by s.n)
    into bases, clocks, owners
    from unnest(p_streams) with ordinality as s (id, n)
    left join lateral (select e.sequence_number, e.timestamp, e.aggregate_type::text from events e
                       where e.aggregate_id = s.id order by e.sequence_number desc limit 1) l on true;
    select s.id, s.actual, s.owner, coalesce(s.owner <> s.type, false) as mistyped into refused
    from unnest(p_streams, p_types, p_expected, bases, owners) as s (id, type, expected, actual, owner)
    where s.owner <> s.type or (s.expected <> -1 and s.expected <> s.actual)
    limit 1;
    if refused.mistyped then
        raise exception '%', refused.id using errcode = 'FL002', detail = refused.owner;
    elsif found then
        raise exception '%', refused.id using errcode = 'FL001', detail = refused.actual::text;
    end if;

    insert into events (event_id, aggregate_id, aggregate_type, event_type, version,
                        sequence_number, data, metadata, timestamp)
    select g.id, p_streams[g.stream], p_types[g.stream], g.type, g.version,
           bases[g.stream] + row_number() over (partition by g.stream order by g.n),
           g.data::jsonb, g.metadata::jsonb || witness, clocks[g.stream]
    from unnest(p_event_ids, p_event_streams, p_event_types, p_versions, p_data, p_metadata)
         with ordinality as g (id, stream, type, version, data, metadata, n)
    order by g.n;
end
$$;

revoke all on function fleetlog.import_events from public;
grant execute on function fleetlog.import_events to fleetlog_writer;
